#include "jaco/server/operator_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/raft/describe.h"
#include "jaco/server/cluster_service.h"
#include "jaco/server/leader_call.pb.h"

namespace jaco::server {
namespace {

absl::Status UnreadableReply() {
  return absl::InternalError("the reply cannot be understood");
}

AutopilotSettings SettingsOf(const fsm::AutopilotConfig& config) {
  return {.cleanup_dead_servers = config.cleanup_dead_servers(),
          .last_contact_threshold =
              absl::Nanoseconds(config.last_contact_threshold_ns()),
          .max_trailing_logs = config.max_trailing_logs(),
          .server_stabilization_time =
              absl::Nanoseconds(config.server_stabilization_time_ns()),
          .min_quorum = config.min_quorum(),
          .create_index = config.create_index(),
          .modify_index = config.modify_index()};
}

fsm::AutopilotConfig ConfigOf(const AutopilotSettings& settings) {
  fsm::AutopilotConfig config;
  config.set_cleanup_dead_servers(settings.cleanup_dead_servers);
  config.set_last_contact_threshold_ns(
      absl::ToInt64Nanoseconds(settings.last_contact_threshold));
  config.set_max_trailing_logs(settings.max_trailing_logs);
  config.set_server_stabilization_time_ns(
      absl::ToInt64Nanoseconds(settings.server_stabilization_time));
  config.set_min_quorum(settings.min_quorum);
  return config;
}

}  // namespace

OperatorService::OperatorService(Node* node, LeaveService* leaves,
                                 Autopilot* autopilot,
                                 Certificates* certificates)
    : node_(node),
      leaves_(leaves),
      autopilot_(autopilot),
      certificates_(certificates) {
  node_->ServeCalls([this](std::string call, ProposeDone done) {
    Serve(call, std::move(done));
  });
}

// ---- The leader's side.

void OperatorService::Serve(const std::string& bytes, ProposeDone done) {
  LeaderCall call;
  // Of a newer build, perhaps.
  if (!call.ParseFromString(bytes) ||
      call.call_case() == LeaderCall::CALL_NOT_SET) {
    return done(MakeError(ErrorCode::kValidationFailed,
                          "the leader does not know this call"));
  }
  if (call.has_health()) {
    Applied health;
    health.result.reply = HealthBytes();
    return done(std::move(health));
  }
  const absl::Status begun =
      node_->TransferLeadership(raft::NodeId(call.transfer().to()));
  begun.ok() ? done(Applied{}) : done(begun);
}

std::string OperatorService::HealthBytes() {
  const env::Clock& clock = *node_->env().clock;
  const raft::Raft& raft = *node_->raft();
  HealthReply reply;
  for (const MemberHealth& member : autopilot_->Judge()) {
    HealthReply::Server& server = *reply.add_servers();
    server.set_id(member.id.value());
    server.set_alive(member.health <= PolicyMember::Health::kLagging);
    server.set_voter(member.voter);
    server.set_healthy(member.healthy);
    server.set_last_contact_ns(member.last_contact.nanoseconds());
    server.set_last_term(
        raft.log().TermAt(member.match).value_or(raft::Term()).value());
    server.set_last_index(member.match.value());
    const absl::Time since =
        clock.WallNow() -
        absl::Nanoseconds((clock.Now() - member.stable_since).nanoseconds());
    server.set_stable_since_unix_ms(absl::ToUnixMillis(since));
  }
  return reply.SerializeAsString();
}

// ---- Who is there.

RaftPeers OperatorService::Peers() const {
  RaftPeers result;
  const raft::Raft* raft = node_->raft();
  if (raft == nullptr) return result;
  const raft::Configuration& configuration = raft->configuration();
  result.index = raft->configuration_index().value();
  for (const raft::NodeId id : configuration.Members()) {
    RaftPeer peer{.id = id.value(),
                  .leader = id == raft->leader(),
                  .voter = configuration.IsVoter(id)};
    const auto node = node_->state().nodes().find(id.value());
    if (node != node_->state().nodes().end()) peer.node = node->second.name();
    for (const auto& [member, address] : configuration.addresses) {
      if (member == id) peer.address = address;
    }
    result.peers.push_back(std::move(peer));
  }
  return result;
}

absl::StatusOr<RaftPeer> OperatorService::Find(
    const PeerSelector& selector) const {
  const bool by_id = selector.address.empty();
  std::optional<RaftPeer> found;
  for (RaftPeer& peer : Peers().peers) {
    if (by_id ? peer.id != selector.id : peer.address != selector.address) {
      continue;
    }
    if (found.has_value()) {
      return MakeError(ErrorCode::kConflict,
                       absl::StrCat("members ", found->id, " and ", peer.id,
                                    " have the address ", selector.address,
                                    ": name the one that you mean by its id"));
    }
    found = std::move(peer);
  }
  if (found.has_value()) return *std::move(found);
  return MakeError(
      ErrorCode::kNodeNotFound,
      absl::StrCat(by_id ? "id" : "address", " \"",
                   by_id ? absl::StrCat(selector.id) : selector.address,
                   "\" was not found in the Raft configuration"));
}

void OperatorService::ListPeers(const Caller& /*caller*/, bool stale,
                                Reply<RaftPeers> reply) {
  if (stale) {
    return node_->env().loop->Post(
        [this, reply = std::move(reply)]() mutable { reply(Peers()); });
  }
  node_->Read([this, reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(std::move(status));
    reply(Peers());
  });
}

AgentNode OperatorService::NodeInfo(uint64_t id, const fsm::Node& node) const {
  return {.id = id,
          .name = node.name(),
          .address = node.address(),
          .status = ShownStatus(node),
          .version = node.version()};
}

AgentInfo OperatorService::Agent() {
  AgentInfo info;
  info.self.name = node_->name();
  info.self.address = node_->address();
  info.self.version = node_->options().version;
  if (node_->raft() == nullptr) return info;
  info.member = true;
  info.self.id = node_->raft()->id().value();
  for (const auto& [id, node] : node_->state().nodes()) {
    info.nodes.push_back(NodeInfo(id, node));
    if (id == info.self.id) info.self = info.nodes.back();
  }
  std::sort(info.nodes.begin(), info.nodes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  DescribeRaft(&info);
  return info;
}

void OperatorService::DescribeRaft(AgentInfo* info) const {
  const raft::Raft& raft = *node_->raft();
  info->configuration = Peers();
  info->leader = raft.leader().value();
  for (const RaftPeer& peer : info->configuration.peers) {
    if (peer.leader) info->leader_address = peer.address;
  }
  info->role = std::string(raft::RoleName(raft.role()));
  info->term = raft.term().value();
  info->last_index = raft.last().index.value();
  info->last_term = raft.last().term.value();
  info->commit_index = raft.commit().value();
  info->applied_index = node_->state().applied().value();
  info->snapshot_index = raft.log().start().index.value();
  info->snapshot_term = raft.log().start().term.value();
}

// ---- Removal.

void OperatorService::RemovePeer(const Caller& caller, PeerSelector selector,
                                 Reply<RaftPeer> reply) {
  node_->Read([this, caller, selector = std::move(selector),
               reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(std::move(status));
    auto peer = Find(selector);
    if (!peer.ok()) return reply(peer.status());
    leaves_->RemoveMember(
        caller, peer->id, peer->address,
        [peer = *peer, reply = std::move(reply)](
            const absl::StatusOr<RemoveNodeResponse>& removed) mutable {
          if (!removed.ok()) return reply(removed.status());
          reply(std::move(peer));
        });
  });
}

// ---- Transfer.

struct OperatorService::Transfer {
  TransferResponse response;
  raft::NodeId to;
  int attempts = 0;
  Instant next_attempt;
  absl::Status last_error;
  Reply<TransferResponse> reply;
};

void OperatorService::TransferLeadership(const Caller& caller,
                                         PeerSelector selector,
                                         Reply<TransferResponse> reply) {
  node_->Read([this, caller, selector = std::move(selector),
               reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(std::move(status));
    auto to = Find(selector);
    if (!to.ok()) return reply(to.status());
    auto transfer = std::make_shared<Transfer>();
    transfer->to = raft::NodeId(to->id);
    transfer->response.noop = to->leader;
    transfer->response.to = *std::move(to);
    for (const RaftPeer& peer : Peers().peers) {
      if (peer.leader) transfer->response.from = peer;
    }
    transfer->reply = std::move(reply);
    if (transfer->response.noop) return LookAtTransfer(std::move(transfer));
    NoteTransfer(caller, std::move(transfer));
  });
}

// First the trace in the audit log.
void OperatorService::NoteTransfer(const Caller& caller,
                                   std::shared_ptr<Transfer> transfer) {
  fsm::Command command;
  command.mutable_leadership_transfer()->set_to(transfer->to.value());
  node_->Propose(caller, std::move(command),
                 [this, transfer = std::move(transfer)](
                     const absl::StatusOr<std::string>& noted, raft::LogIndex) {
                   if (!noted.ok()) return transfer->reply(noted.status());
                   LookAtTransfer(transfer);
                 });
}

void OperatorService::TryTransfer(std::shared_ptr<Transfer> transfer) {
  ++transfer->attempts;
  // The leader gives up after one.
  transfer->next_attempt =
      node_->env().clock->Now() + node_->options().raft.election_timeout * 2;
  LeaderCall call;
  call.mutable_transfer()->set_to(transfer->to.value());
  node_->AskLeader(call.SerializeAsString(),
                   [transfer](const auto& answer, raft::LogIndex) {
                     if (!answer.ok()) transfer->last_error = answer.status();
                   });
}

// The answer of the leader is not waited for: it may be lost with the
// leadership. Who leads now is what counts.
void OperatorService::LookAtTransfer(std::shared_ptr<Transfer> transfer) {
  // It may have been removed, and be about to join anew.
  if (absl::Status status = node_->Admit(); !status.ok()) {
    return transfer->reply(std::move(status));
  }
  const raft::Raft& raft = *node_->raft();
  if (raft.leader() == transfer->to) {
    return transfer->reply(std::move(transfer->response));
  }
  if (!transfer->last_error.ok() &&
      CodeOf(transfer->last_error) == ErrorCode::kValidationFailed) {
    return transfer->reply(transfer->last_error);
  }
  if (node_->env().clock->Now() >= transfer->next_attempt) {
    if (transfer->attempts == kTransferAttempts) {
      const absl::string_view why = transfer->last_error.ok()
                                        ? "it did not take over in time"
                                        : transfer->last_error.message();
      return transfer->reply(MakeError(
          ErrorCode::kTimeout,
          absl::StrCat("failed to transfer leadership in ", kTransferAttempts,
                       " attempts. last error: ", why)));
    }
    TryTransfer(transfer);
  }
  node_->env().loop->After(kTransferLook,
                           [this, transfer] { LookAtTransfer(transfer); });
}

// ---- Autopilot.

AutopilotSettings OperatorService::Settings() const {
  const auto& replicated = node_->state().autopilot();
  return SettingsOf(replicated ? *replicated
                               : node_->options().autopilot.config);
}

void OperatorService::GetAutopilot(const Caller& /*caller*/, bool stale,
                                   Reply<AutopilotSettings> reply) {
  if (stale) {
    return node_->env().loop->Post(
        [this, reply = std::move(reply)]() mutable { reply(Settings()); });
  }
  node_->Read([this, reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(std::move(status));
    reply(Settings());
  });
}

void OperatorService::SetAutopilot(const Caller& caller,
                                   SetAutopilotRequest request,
                                   Reply<AutopilotSettings> reply) {
  fsm::Command command;
  fsm::AutopilotSet& set = *command.mutable_autopilot_set();
  *set.mutable_config() = ConfigOf(request.settings);
  set.set_check_index(request.if_modify_index.has_value());
  set.set_modify_index(request.if_modify_index.value_or(0));
  if (absl::Status valid = fsm::ValidateAutopilot(set.config()); !valid.ok()) {
    return node_->Refuse(std::move(valid), std::move(reply));
  }
  node_->Propose(caller, std::move(command),
                 [reply = std::move(reply)](absl::StatusOr<std::string> result,
                                            raft::LogIndex) mutable {
                   fsm::AutopilotConfig config;
                   if (!result.ok()) return reply(result.status());
                   if (!config.ParseFromString(*result)) {
                     return reply(UnreadableReply());
                   }
                   reply(SettingsOf(config));
                 });
}

void OperatorService::Health(const Caller& /*caller*/,
                             Reply<AutopilotHealth> reply) {
  LeaderCall call;
  call.mutable_health();
  node_->AskLeader(
      call.SerializeAsString(),
      [this, reply = std::move(reply)](absl::StatusOr<std::string> answer,
                                       raft::LogIndex) mutable {
        if (!answer.ok()) return reply(answer.status());
        reply(HealthOf(*answer));
      });
}

AutopilotHealth OperatorService::HealthOf(const std::string& bytes) const {
  HealthReply said;
  AutopilotHealth health;
  if (!said.ParseFromString(bytes) || node_->raft() == nullptr) return health;
  health.healthy = !said.servers().empty();
  health.leader = node_->raft()->leader().value();
  uint64_t voters = 0;
  uint64_t healthy_voters = 0;
  for (const HealthReply::Server& server : said.servers()) {
    ServerHealth& to = health.servers.emplace_back();
    to.id = server.id();
    to.alive = server.alive();
    to.leader = server.id() == health.leader;
    to.voter = server.voter();
    to.healthy = server.healthy();
    to.last_contact = absl::Nanoseconds(server.last_contact_ns());
    to.last_term = server.last_term();
    to.last_index = server.last_index();
    to.stable_since = absl::FromUnixMillis(server.stable_since_unix_ms());
    const auto node = node_->state().nodes().find(server.id());
    if (node != node_->state().nodes().end()) {
      to.name = node->second.name();
      to.address = node->second.address();
      to.version = node->second.version();
    }
    health.healthy = health.healthy && to.healthy;
    voters += to.voter ? 1 : 0;
    healthy_voters += to.voter && to.healthy ? 1 : 0;
  }
  const uint64_t quorum = voters / 2 + 1;
  health.failure_tolerance =
      healthy_voters > quorum ? healthy_voters - quorum : 0;
  return health;
}

// ---- The authority.

// From the state that has the change in it.
Certificates::Done OperatorService::AnswerAuthorities(
    Reply<AuthoritiesResponse> reply) {
  return [this, reply = std::move(reply)](const absl::Status& done) mutable {
    if (!done.ok()) return reply(done);
    node_->Read([this, reply = std::move(reply)](absl::Status status) mutable {
      if (!status.ok()) {
        // Whoever hears that nothing was done does it again.
        return reply(MakeError(
            ErrorCode::kTimeout,
            absl::StrCat("it is done, but this server cannot tell what the "
                         "authorities are now: ",
                         status.message())));
      }
      const auto signing = certificates_->SigningAuthority();
      if (!signing.ok()) return reply(signing.status());
      AuthoritiesResponse response;
      response.fingerprint =
          node_->env().pki->Fingerprint(signing->certificate).value_or("");
      response.trusted =
          static_cast<uint64_t>(node_->state().cluster()->authorities().size());
      reply(std::move(response));
    });
  };
}

void OperatorService::RotateAuthority(const Caller& caller,
                                      Reply<AuthoritiesResponse> reply) {
  node_->Read(
      [this, caller, reply = std::move(reply)](absl::Status status) mutable {
        if (!status.ok()) return reply(std::move(status));
        certificates_->Rotate(caller, AnswerAuthorities(std::move(reply)));
      });
}

void OperatorService::RetireAuthorities(const Caller& caller,
                                        RetireAuthoritiesRequest request,
                                        Reply<AuthoritiesResponse> reply) {
  node_->Read([this, caller, request,
               reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(std::move(status));
    certificates_->Retire(caller, request.force,
                          AnswerAuthorities(std::move(reply)));
  });
}

}  // namespace jaco::server
