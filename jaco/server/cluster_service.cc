#include "jaco/server/cluster_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "jaco/fsm/validate.h"
#include "jaco/server/security/token.h"

namespace jaco::server {
namespace {

// By the rules of the machine: a founding that it refuses would be durable
// already.
absl::Status Validate(const InitRequest& request,
                      const ServerOptions& options) {
  absl::Status status;
  if (!request.cluster_name.empty()) {
    status = fsm::ValidateName("cluster name", request.cluster_name);
  }
  if (status.ok()) status = fsm::ValidateName("node name", options.node_name);
  if (status.ok()) status = fsm::ValidateAddress(options.peer_address);
  return status;
}

}  // namespace

// "NODE_STATUS_READY" is shown as "READY".
std::string ShownStatus(const fsm::Node& node) {
  constexpr absl::string_view kPrefix = "NODE_STATUS_";
  if (node.leaving() != fsm::NODE_LEAVING_NO) return "LEAVING";
  return fsm::NodeStatus_Name(node.status()).substr(kPrefix.size());
}

void ClusterService::Init(InitRequest request, std::optional<fsm::User> user,
                          Reply<InitResponse> reply) {
  absl::Status status = CheckInit(request);
  if (!status.ok()) return node_->Refuse(std::move(status), std::move(reply));
  env::Entropy& entropy = *node_->env().entropy;
  const raft::NodeId self(NewNodeId(entropy));
  InitResponse response;
  response.cluster_id = NewUuid(entropy);
  response.operator_token = NewToken(entropy);

  Founding founding;
  founding.cluster_id = response.cluster_id;
  founding.cluster_name = request.cluster_name.empty()
                              ? response.cluster_id
                              : std::move(request.cluster_name);
  founding.token_hash = HashToken(response.operator_token);
  founding.user = std::move(user);
  founding.time_unix_ms = absl::ToUnixMillis(node_->env().clock->WallNow());
  founding.members = {{self, node_->options().node_name,
                       node_->options().peer_address, node_->options().version,
                       node_->options().feature_level}};
  std::optional<Secrets> secrets;
  if (node_->env().pki != nullptr) {
    auto created = certificates_->Create(response.cluster_id, self);
    if (!created.ok()) {
      return node_->Refuse(created.status(), std::move(reply));
    }
    founding.members[0].authority_fingerprint =
        node_->env()
            .pki->Fingerprint(created->authority.certificate())
            .value_or("");
    founding.authorities.push_back(std::move(created->authority));
    founding.secrets = certificates_->Encode(created->secrets);
    secrets = std::move(created->secrets);
  }
  node_->Found(
      self, std::move(founding),
      [this, response = std::move(response), secrets = std::move(secrets),
       reply = std::move(reply)](absl::Status status) mutable {
        if (!status.ok()) {
          reply(std::move(status));
          return;
        }
        if (secrets) certificates_->Adopt(*std::move(secrets));
        node_->WhenFounded([response = std::move(response),
                            reply = std::move(reply)]() mutable {
          reply(std::move(response));
        });
      });
}

absl::Status ClusterService::CheckInit(const InitRequest& request) const {
  return Validate(request, node_->options());
}

std::string ClusterService::SuffrageOf(raft::NodeId id) const {
  const raft::Raft* raft = node_->raft();
  if (raft->role() != raft::Role::kLeader) return "?";
  const raft::Configuration& configuration = raft->configuration();
  if (configuration.IsVoter(id)) return "VOTER";
  return configuration.Contains(id) ? "NONVOTER" : "?";
}

StatusResponse ClusterService::Status() const {
  StatusResponse response;
  response.lifecycle = node_->lifecycle();
  response.node_name = node_->name();
  const raft::Raft* raft = node_->raft();
  if (raft == nullptr) return response;
  response.initialized = true;
  response.leader = node_->LeaderName();
  response.raft_index = raft->last().index.value();
  response.raft_term = raft->term().value();
  response.repair = node_->Repair();
  response.feature_level = node_->state().feature_level();
  if (const auto& cluster = node_->state().cluster()) {
    response.cluster_id = cluster->id();
    response.cluster_name = cluster->name();
  }
  for (const auto& [id, node] : node_->state().nodes()) {
    response.nodes.push_back({.hostname = node.name(),
                              .address = node.address(),
                              .status = ShownStatus(node),
                              .suffrage = SuffrageOf(raft::NodeId(id)),
                              .version = node.version(),
                              .feature_level = node.feature_level(),
                              .id = id,
                              .create_index = node.create_index()});
  }
  std::sort(response.nodes.begin(), response.nodes.end(),
            [](const NodeStatus& a, const NodeStatus& b) {
              return a.hostname < b.hostname;
            });
  return response;
}

}  // namespace jaco::server
