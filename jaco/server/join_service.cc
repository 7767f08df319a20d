#include "jaco/server/join_service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/server/join_peer.h"
#include "jaco/server/security/token.h"

namespace jaco::server {
namespace {

// Always the same for a token and a name: whoever repeats a join after a crash
// is the same node.
raft::NodeId NodeIdOf(absl::string_view secret, absl::string_view name) {
  const std::string hash = HashToken(absl::StrCat("node id ", secret, name));
  uint64_t id = 0;
  const bool parsed =
      absl::SimpleHexAtoi(absl::string_view(hash).substr(0, 16), &id);
  JACO_CHECK(parsed);
  return raft::NodeId(std::max<uint64_t>(id, 1));
}

// "host:port" or "[host]:port" without the port and the brackets.
std::string HostOf(absl::string_view address) {
  address = address.substr(0, address.rfind(':'));
  if (!address.empty() && address.front() == '[') {
    address = address.substr(1, address.size() - 2);
  }
  return std::string(address);
}

}  // namespace

std::string JoinToken::Text() const {
  return absl::StrCat(secret, ".", fingerprint);
}

absl::StatusOr<JoinToken> JoinToken::Parse(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('.', 1));
  // Both look as the hash of a token does.
  if (!fsm::ValidateTokenHash(parts.first).ok() ||
      !fsm::ValidateTokenHash(parts.second).ok()) {
    return MakeError(ErrorCode::kJoinTokenInvalid,
                     "this is no join token; `jaco node issue-join-token` on a "
                     "member prints one");
  }
  return JoinToken{std::string(parts.first), std::string(parts.second)};
}

bool JoinToken::IsSpent(const absl::Status& refusal) {
  switch (CodeOf(refusal)) {
    case ErrorCode::kJoinTokenConsumed:
    case ErrorCode::kJoinTokenExpired:
    case ErrorCode::kJoinTokenInvalid:
    case ErrorCode::kTokenInvalid:
      return true;
    default:
      return false;
  }
}

bool JoinToken::IsOutdated(const absl::Status& refusal) {
  return IsSpent(refusal) || CodeOf(refusal) == ErrorCode::kPeerUntrusted;
}

// ---- The member's side.

void JoinService::IssueToken(const Caller& caller,
                             IssueJoinTokenRequest request,
                             Reply<IssueJoinTokenResponse> reply) {
  auto authority = certificates_->SigningAuthority();
  if (!authority.ok()) {
    return node_->Refuse(authority.status(), std::move(reply));
  }
  const env::Environment& env = node_->env();
  auto fingerprint = env.pki->Fingerprint(authority->certificate);
  if (!fingerprint.ok()) {
    return node_->Refuse(fingerprint.status(), std::move(reply));
  }
  const JoinToken token{NewToken(*env.entropy), *std::move(fingerprint)};
  fsm::Command command;
  fsm::JoinTokenIssue& issue = *command.mutable_join_token_issue();
  issue.set_token_hash(HashToken(token.secret));
  issue.set_life_ms(absl::ToInt64Milliseconds(kTokenLife));
  issue.set_node_name(std::move(request.node_name));
  node_->Propose(
      caller, std::move(command),
      [this, text = token.Text(), reply = std::move(reply)](
          const absl::StatusOr<std::string>& result, raft::LogIndex) mutable {
        if (!result.ok()) return reply(result.status());
        fsm::JoinToken issued;
        if (!issued.ParseFromString(*result)) {
          return reply(absl::InternalError("the reply is no join token"));
        }
        const std::string& peer = node_->options().bootstrap.api_address;
        reply(IssueJoinTokenResponse{
            std::move(text), absl::FromUnixMillis(issued.expires_at_unix_ms()),
            certificates_->Bundle(),
            fsm::ValidateAddress(peer).ok() ? peer : ""});
      });
}

void JoinService::Admit(const Caller& caller, AdmitRequest request,
                        Reply<AdmitResponse> reply) {
  if (caller.join_token_hash.empty()) {
    return node_->Refuse(
        MakeError(ErrorCode::kPermissionDenied, "a join token is needed"),
        std::move(reply));
  }
  auto authority = certificates_->SigningAuthority();
  if (!authority.ok()) {
    return node_->Refuse(authority.status(), std::move(reply));
  }
  const env::Environment& env = node_->env();
  const fsm::Cluster& cluster = *node_->state().cluster();
  // Whatever the request asks for: only what the token and the address allow.
  const env::NodeNames names{cluster.id(),
                             request.node_id,
                             request.node_name,
                             {HostOf(request.address)}};
  auto certificate = env.pki->Issue(*authority, request.certificate_request,
                                    names, env.clock->WallNow());
  if (!certificate.ok()) {
    return node_->Refuse(certificate.status(), std::move(reply));
  }
  AdmitResponse response = certificates_->Welcome(*std::move(certificate));
  fsm::Command command;
  fsm::NodeJoin& join = *command.mutable_node_join();
  join.set_token_hash(caller.join_token_hash);
  join.mutable_node()->set_id(request.node_id);
  join.mutable_node()->set_name(std::move(request.node_name));
  join.mutable_node()->set_address(std::move(request.address));
  join.mutable_node()->set_version(std::move(request.version));
  join.mutable_node()->set_feature_level(request.feature_level);
  join.mutable_node()->set_authority_fingerprint(
      env.pki->Fingerprint(authority->certificate).value_or(""));
  join.mutable_node()->set_certificate_fingerprint(
      env.pki->Fingerprint(response.certificates).value_or(""));
  // Nothing of it leaves before the command has taken effect.
  node_->Propose(
      caller, std::move(command),
      [response = std::move(response), reply = std::move(reply)](
          const absl::StatusOr<std::string>& result, raft::LogIndex) mutable {
        if (!result.ok()) return reply(result.status());
        reply(std::move(response));
      });
}

// ---- The joining server's side.

struct JoinService::Joining {
  raft::NodeId id;
  std::string name;
  std::string peer;
  JoinToken token;
  std::string key;  // secret
  std::string cluster_id;
  Reply<JoinResponse> reply;
};

absl::Status JoinService::CheckMayJoin() const {
  if (node_->lifecycle() != Lifecycle::kUninitialized &&
      node_->lifecycle() != Lifecycle::kRemoved && !node_->IsNewcomer()) {
    return MakeError(ErrorCode::kClusterAlreadyInitialized,
                     "this server is or becomes a member of a cluster");
  }
  if (node_->env().pki == nullptr || node_->options().join_peer == nullptr) {
    return MakeError(ErrorCode::kConflict, "this server has no way to join");
  }
  absl::Status status =
      fsm::ValidateName("node name", node_->options().node_name);
  if (!status.ok()) return status;
  return fsm::ValidateAddress(node_->options().peer_address);
}

void JoinService::Join(const Caller& /*caller*/, JoinRequest request,
                       Reply<JoinResponse> reply) {
  auto token = JoinToken::Parse(request.join_token);
  absl::Status status = CheckMayJoin();
  if (status.ok()) status = token.status();
  if (status.ok() && joining_) {
    status = MakeError(ErrorCode::kConflict, "another join is under way");
  }
  if (!status.ok()) return node_->Refuse(std::move(status), std::move(reply));
  joining_ = true;
  auto done = [this, reply = std::move(reply)](
                  absl::StatusOr<JoinResponse> response) mutable {
    joining_ = false;
    reply(std::move(response));
  };
  if (!asking_) {
    return BeginJoin(request.peer, *std::move(token), std::move(done));
  }
  next_ = [this, peer = std::move(request.peer), token = *std::move(token),
           done = std::move(done)]() mutable {
    BeginJoin(peer, std::move(token), std::move(done));
  };
}

void JoinService::BeginJoin(const std::string& peer, JoinToken token,
                            Reply<JoinResponse> reply) {
  // The leader may have been heard meanwhile.
  if (absl::Status status = CheckMayJoin(); !status.ok()) {
    return node_->Refuse(std::move(status), std::move(reply));
  }
  if (node_->IsNewcomer()) {
    return JoinAgain(peer, std::move(token), std::move(reply));
  }
  Ask(peer, std::move(token), std::move(reply));
}

bool JoinService::IsSelf(raft::NodeId id) const {
  return node_->lifecycle() == Lifecycle::kMember && node_->raft()->id() == id;
}

void JoinService::Ask(const std::string& peer, JoinToken token,
                      Reply<JoinResponse> reply) {
  const ServerOptions& options = node_->options();
  const bool again = IsSelf(NodeIdOf(token.secret, node_->name()));
  std::string name = again ? node_->name() : options.node_name;
  const raft::NodeId id = NodeIdOf(token.secret, name);
  // The cluster's id is not known yet; the issuer puts it in.
  auto made = node_->env().pki->CreateRequest(
      {"joining", id.value(), name, {HostOf(options.peer_address)}});
  if (!made.ok()) return node_->Refuse(made.status(), std::move(reply));
  auto joining = std::make_shared<Joining>(
      Joining{id, std::move(name), peer, std::move(token), std::move(made->key),
              "", std::move(reply)});
  options.join_peer->Admit(
      peer, joining->token.fingerprint, joining->token.secret,
      {id.value(), joining->name, options.peer_address,
       std::move(made->request), options.version, options.feature_level},
      [this, joining](absl::StatusOr<AdmitResponse> admitted) {
        OnAdmitted(joining, std::move(admitted));
      });
}

void JoinService::OnAdmitted(std::shared_ptr<Joining> joining,
                             absl::StatusOr<AdmitResponse> admitted) {
  if (!admitted.ok()) return joining->reply(admitted.status());
  absl::StatusOr<Secrets> secrets = Accept(*joining, *admitted);
  if (!secrets.ok()) return joining->reply(secrets.status());
  joining->cluster_id = std::move(admitted->cluster_id);
  TakeUp(std::move(joining), *std::move(secrets));
}

// As the node that it is already, or as a new one.
void JoinService::TakeUp(std::shared_ptr<Joining> joining, Secrets secrets) {
  const ServerOptions& options = node_->options();
  BootstrapRecord record;
  record.set_server_id(joining->id.value());
  record.set_join_token(joining->token.Text());
  record.set_cluster_id(joining->cluster_id);
  record.add_addresses(joining->peer);
  SecretFiles files = certificates_->Encode(secrets);
  files.emplace_back(kJoinRecordName, EncodeBootstrapRecord(SealJoinToken(
                                          record, options.seal_key.get(),
                                          *node_->env().entropy)));
  const bool again = IsSelf(joining->id);
  auto done = [this, joining, again, record = std::move(record),
               secrets = std::move(secrets)](absl::Status status) mutable {
    if (!status.ok()) return joining->reply(std::move(status));
    certificates_->Adopt(std::move(secrets));
    if (!again) {
      Watch(std::move(record), kAskFirst);
    } else if (record_.has_value()) {
      record_ = std::move(record);
    }
    joining->reply(JoinResponse{std::move(joining->cluster_id)});
  };
  if (!again) {
    return node_->Join(joining->id, joining->name, std::move(files),
                       std::move(done));
  }
  node_->env().disk->Submit(
      env::Lane::kLog,
      [path = options.data_dir, files = std::move(files)](env::FileSystem& fs) {
        return WriteSecretFiles(fs, path, files);
      },
      std::move(done));
}

// What the member sent must be of the cluster that the token is of, and for us.
absl::StatusOr<Secrets> JoinService::Accept(
    const Joining& joining, const AdmitResponse& admitted) const {
  const env::Environment& env = node_->env();
  const auto info = env.pki->VerifyNode(admitted.certificates, admitted.bundle,
                                        env.clock->WallNow());
  if (!info.ok()) return info.status();
  if (info->names.cluster_id != admitted.cluster_id ||
      info->names.node_id != joining.id.value() ||
      info->names.node_name != joining.name) {
    return MakeError(ErrorCode::kPeerUntrusted,
                     "the member answered with another node's certificate");
  }
  auto keyring = Keyring::Decode(admitted.keyring);
  if (!keyring.ok()) return keyring.status();
  return Secrets{
      .keyring = *std::move(keyring),
      .credentials = {joining.key, admitted.certificates, admitted.bundle},
      .sealed = node_->options().seal_key != nullptr};
}

}  // namespace jaco::server
