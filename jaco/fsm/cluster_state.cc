#include "jaco/fsm/cluster_state.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_tables.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/known_command.h"
#include "jaco/fsm/snapshot.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/fsm/validate.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {
namespace {

// The identity of the token that comes with the cluster.
constexpr char kBootstrapIdentity[] = "bootstrap";

absl::Status Unknown(raft::LogIndex index, absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("unknown command at index ", index.value(), " (", why,
                   "), this build cannot apply it"));
}

absl::Status CheckAuthorities(
    const google::protobuf::RepeatedPtrField<Authority>& authorities) {
  constexpr int kAuthoritiesMax = 8;
  constexpr size_t kAuthorityBytesMax = 16 << 10;
  const bool fit =
      authorities.size() <= kAuthoritiesMax &&
      std::all_of(authorities.begin(), authorities.end(),
                  [](const Authority& authority) {
                    return !authority.certificate().empty() &&
                           authority.ByteSizeLong() <= kAuthorityBytesMax;
                  });
  return fit ? absl::OkStatus()
             : MakeError(ErrorCode::kValidationFailed,
                         absl::StrCat("certificate authorities: at most ",
                                      kAuthoritiesMax, " of at most ",
                                      kAuthorityBytesMax, " bytes each"));
}

// For the audit log: what was set, in the order of the fields.
std::string DescribeAutopilot(const AutopilotConfig& config) {
  return absl::StrCat(
      "CleanupDeadServers=", config.cleanup_dead_servers() ? "true" : "false",
      " LastContactThreshold=", config.last_contact_threshold_ns(),
      "ns MaxTrailingLogs=", config.max_trailing_logs(),
      " ServerStabilizationTime=", config.server_stabilization_time_ns(),
      "ns MinQuorum=", config.min_quorum());
}

// A certificate authority that is not valid yet by the others' clocks must not
// get into the log. `made_unix_ms` is 0 where none is made.
absl::Status CheckDated(int64_t made_unix_ms, int64_t now_unix_ms) {
  if (made_unix_ms == 0) return absl::OkStatus();
  const auto made = static_cast<uint64_t>(made_unix_ms);
  const auto now = static_cast<uint64_t>(now_unix_ms);
  const bool ahead = made_unix_ms > now_unix_ms;
  const uint64_t difference_ms = ahead ? made - now : now - made;
  if (difference_ms <= ClusterState::kAuthorityClockErrorMaxMs) {
    return absl::OkStatus();
  }
  return MakeError(
      ErrorCode::kConflict,
      absl::StrCat("the clock of this server, which dates the new certificate "
                   "authority, is ",
                   difference_ms / 1000, " s ", ahead ? "ahead of" : "behind",
                   " the leader's: set the clocks right first"));
}

absl::Status NameTaken(absl::string_view name) {
  return MakeError(ErrorCode::kNodeAlreadyMember,
                   absl::StrCat("node \"", name, "\" is a member already"));
}

}  // namespace

AutopilotConfig DefaultAutopilotConfig() {
  constexpr int64_t kMillisecond = 1'000'000;  // in nanoseconds
  AutopilotConfig config;
  config.set_cleanup_dead_servers(true);
  config.set_last_contact_threshold_ns(200 * kMillisecond);
  config.set_max_trailing_logs(250);
  config.set_server_stabilization_time_ns(10'000 * kMillisecond);
  return config;
}

absl::StatusOr<ApplyResult> ClusterState::Apply(raft::LogIndex index,
                                                absl::string_view command) {
  JACO_CHECK_MSG(index > applied_, "apply ", index.value(), " after ",
                 applied_.value());
  if (absl::Status status = ReadCommand(command, &command_); !status.ok()) {
    return Unknown(index, status.message());
  }
  absl::StatusOr<std::string> reply = Execute(index);
  if (absl::IsUnimplemented(reply.status())) {
    return Unknown(index, reply.status().message());
  }
  applied_ = index;
  if (!reply.ok()) return ApplyResult{.status = reply.status()};
  return ApplyResult{.reply = *std::move(reply)};
}

absl::StatusOr<std::string> ClusterState::Prepare(absl::string_view command,
                                                  int64_t time_unix_ms) const {
  const auto refuse = [](const absl::Status& why) {
    return MakeError(
        ErrorCode::kConfigMismatch,
        absl::StrCat("the leader's build does not know this command (",
                     why.message(), ")"));
  };
  Command prepared;
  if (absl::Status status = ReadCommand(command, &prepared); !status.ok()) {
    return refuse(status);
  }
  if (prepared.has_state_restore()) {
    const absl::Status status =
        Restored(prepared.state_restore().piece()).status();
    if (absl::IsUnimplemented(status)) return refuse(status);
    if (!status.ok()) return status;
  }
  if (prepared.has_authorities_replace()) {
    const absl::Status status =
        CheckDated(prepared.time_unix_ms(), time_unix_ms);
    if (!status.ok()) return status;
  }
  prepared.set_time_unix_ms(time_unix_ms);
  return prepared.SerializeAsString();
}

void ClusterState::AdvanceTo(raft::LogIndex index) {
  JACO_CHECK_MSG(index >= applied_, "advance to ", index.value(), " after ",
                 applied_.value());
  applied_ = index;
}

absl::Status ClusterState::Load(const std::vector<KeyValue>& rows,
                                raft::LogIndex applied) {
  absl::StatusOr<ClusterTables> tables = ClusterTables::FromRows(rows);
  if (!tables.ok()) return tables.status();
  tables_ = *std::move(tables);
  applied_ = applied;
  return absl::OkStatus();
}

StateMachine::Snapshot ClusterState::TakeSnapshot() const {
  return [applied = applied_, rows = tables_.rows().Capture()] {
    return EncodeSnapshot(applied, rows);
  };
}

absl::Status ClusterState::RestoreSnapshot(absl::string_view snapshot) {
  absl::StatusOr<SnapshotContent> content = DecodeSnapshot(snapshot);
  if (!content.ok()) return content.status();
  absl::StatusOr<ClusterTables> tables =
      ClusterTables::FromRows(std::move(content->rows));
  if (!tables.ok()) return tables.status();
  tables_.ReplaceBy(*std::move(tables));
  applied_ = content->applied;
  return absl::OkStatus();
}

absl::StatusOr<std::string> ClusterState::Execute(raft::LogIndex index) {
  if (absl::Status status =
          ValidateName("identity of the caller", command_.identity());
      !status.ok()) {
    return status;
  }
  if (command_.needs_level() > feature_level()) {
    return MakeError(
        ErrorCode::kConfigMismatch,
        absl::StrCat("this needs feature level ", command_.needs_level(),
                     ", the cluster is at ", feature_level()));
  }
  switch (command_.payload_case()) {
    case Command::kClusterInit:
      return InitCluster(index);
    case Command::kTokenIssue:
      return IssueToken(index);
    case Command::kTokenRevoke:
      return RevokeToken(index);
    case Command::kNodeUpsert:
      return UpsertNode(index);
    case Command::kNodeRemove:
      return RemoveNode(index);
    case Command::kNodeLeave:
      return LeaveNode(index);
    case Command::kAuthoritiesReplace:
      return ReplaceAuthorities(index);
    case Command::kJoinTokenIssue:
      return IssueJoinToken(index);
    case Command::kNodeJoin:
      return JoinNode(index);
    case Command::kNodeStatusSet:
      return SetNodeStatus(index);
    case Command::kAutopilotSet:
      return SetAutopilot(index);
    case Command::kStateRestore:
      return RestoreState(index);
    case Command::kArchiveTake:
      return TakeArchive(index);
    case Command::kNodeAnnounce:
      return AnnounceNode(index);
    case Command::kUserSet:
      return SetUser(index);
    case Command::kUserRemove:
      return RemoveUser(index);
    case Command::kLeadershipTransfer:
      return NoteTransfer(index);
    case Command::PAYLOAD_NOT_SET:
      break;
  }
  JACO_CHECK(false);  // ReadCommand has seen to it.
}

absl::StatusOr<std::string> ClusterState::InitCluster(raft::LogIndex index) {
  const ClusterInit& init = command_.cluster_init();
  if (tables_.cluster().has_value()) {
    return MakeError(ErrorCode::kClusterAlreadyInitialized,
                     absl::StrCat("cluster \"", tables_.cluster()->id(),
                                  "\" is initialized already"));
  }
  if (absl::Status status = CheckInit(init); !status.ok()) return status;

  for (const Node& node : init.nodes()) PutNode(index, node);
  AddToken(index, kBootstrapIdentity, init.token_hash(),
           /*allow_privileged=*/false);
  if (init.has_user()) PutUser(index, init.user());
  Cluster cluster;
  cluster.set_id(init.cluster_id());
  cluster.set_name(init.cluster_name());
  cluster.set_created_at_unix_ms(command_.time_unix_ms());
  cluster.set_create_index(index.value());
  *cluster.mutable_authorities() = init.authorities();
  tables_.PutCluster(std::move(cluster));
  RaiseFeatureLevel();
  Audit(index, AUDIT_TYPE_NODE_JOIN, "cluster_id", init.cluster_id());
  return tables_.cluster()->SerializeAsString();
}

absl::Status ClusterState::CheckInit(const ClusterInit& init) const {
  if (absl::Status status = ValidateName("cluster id", init.cluster_id());
      !status.ok()) {
    return status;
  }
  if (!init.cluster_name().empty()) {
    if (absl::Status status = ValidateName("cluster name", init.cluster_name());
        !status.ok()) {
      return status;
    }
  }
  std::set<uint64_t> ids;
  std::set<absl::string_view> names;
  for (const Node& node : init.nodes()) {
    if (absl::Status status = CheckNode(node); !status.ok()) return status;
    if (!ids.insert(node.id()).second || !names.insert(node.name()).second) {
      return NameTaken(node.name());
    }
  }
  if (absl::Status status = CheckAuthorities(init.authorities());
      !status.ok()) {
    return status;
  }
  if (init.has_user()) {
    if (absl::Status status = ValidateUser(init.user()); !status.ok()) {
      return status;
    }
  }
  return CheckNewToken(kBootstrapIdentity, init.token_hash());
}

absl::StatusOr<std::string> ClusterState::ReplaceAuthorities(
    raft::LogIndex index) {
  const AuthoritiesReplace& replace = command_.authorities_replace();
  if (!tables_.cluster().has_value()) {
    return MakeError(ErrorCode::kClusterUninitialized,
                     "there is no cluster whose authorities to replace");
  }
  if (replace.authorities().empty()) {
    return MakeError(ErrorCode::kValidationFailed,
                     "a cluster needs a certificate authority");
  }
  if (absl::Status status = CheckAuthorities(replace.authorities());
      !status.ok()) {
    return status;
  }
  Cluster cluster = *tables_.cluster();
  if (replace.expected_modify_index() != cluster.modify_index()) {
    return MakeError(ErrorCode::kConflict,
                     "the certificate authorities have changed meanwhile");
  }
  *cluster.mutable_authorities() = replace.authorities();
  cluster.set_modify_index(index.value());
  std::string reply = tables_.PutCluster(std::move(cluster));
  Audit(index, AUDIT_TYPE_CERTIFICATE_ISSUED, "authorities",
        absl::StrCat(replace.authorities().size()));
  return reply;
}

absl::StatusOr<std::string> ClusterState::IssueToken(raft::LogIndex index) {
  const TokenIssue& issue = command_.token_issue();
  if (absl::Status status = CheckNewToken(issue.identity(), issue.token_hash());
      !status.ok()) {
    return status;
  }
  std::string reply = AddToken(index, issue.identity(), issue.token_hash(),
                               issue.allow_privileged());
  ForgetRevokedTokens();
  Audit(index, AUDIT_TYPE_TOKEN_ISSUE, "identity", issue.identity());
  return reply;
}

absl::Status ClusterState::CheckNewToken(const std::string& identity,
                                         absl::string_view hash) const {
  if (absl::Status status = ValidateIdentity(identity); !status.ok()) {
    return status;
  }
  if (absl::Status status = ValidateTokenHash(hash); !status.ok()) {
    return status;
  }
  const Token* known = tables_.FindToken(identity);
  if (known != nullptr && !MayForget(*known)) {
    return MakeError(ErrorCode::kTokenExists,
                     absl::StrCat("identity \"", identity, "\" has a token"));
  }
  // One secret for two identities: a bug of the issuer, and revoking one of
  // them would leave the secret good.
  if (const Token* other = tables_.FindTokenByHash(hash)) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("token hash is that of identity \"",
                                  other->identity(), "\""));
  }
  return absl::OkStatus();
}

std::string ClusterState::AddToken(raft::LogIndex index,
                                   const std::string& identity,
                                   const std::string& hash,
                                   bool allow_privileged) {
  Token token;
  token.set_identity(identity);
  token.set_hash(hash);
  token.set_allow_privileged(allow_privileged);
  token.set_issued_at_unix_ms(command_.time_unix_ms());
  token.set_create_index(index.value());
  token.set_modify_index(index.value());
  return tables_.PutToken(std::move(token));
}

absl::StatusOr<std::string> ClusterState::RevokeToken(raft::LogIndex index) {
  const std::string& identity = command_.token_revoke().identity();
  if (absl::Status status = ValidateName("identity", identity); !status.ok()) {
    return status;
  }
  const Token* token = tables_.FindToken(identity);
  if (token == nullptr) {
    return MakeError(ErrorCode::kTokenNotFound,
                     absl::StrCat("no token of identity \"", identity, "\""));
  }
  if (token->revoked_at_unix_ms() != 0) return token->SerializeAsString();

  Token revoked = *token;
  // 0 would mean active, whatever the proposer's clock says.
  revoked.set_revoked_at_unix_ms(
      command_.time_unix_ms() != 0 ? command_.time_unix_ms() : 1);
  revoked.set_modify_index(index.value());
  std::string reply = tables_.PutToken(std::move(revoked));
  Audit(index, AUDIT_TYPE_TOKEN_REVOKE, "identity", identity);
  ForgetRevokedTokens();
  return reply;
}

bool ClusterState::MayForget(const Token& token) const {
  return token.revoked_at_unix_ms() != 0 &&
         token.revoked_at_unix_ms() <
             command_.time_unix_ms() - kRevokedTokenMemoryMs;
}

// The oldest first. A token that is forgotten is as unknown as one that never
// was, and its identity is free.
void ClusterState::ForgetRevokedTokens() {
  const Token* first = tables_.FirstRevokedToken();
  while (first != nullptr &&
         (MayForget(*first) ||
          tables_.revoked_tokens() > limits_.revoked_tokens)) {
    tables_.RemoveToken(std::string(first->identity()));
    first = tables_.FirstRevokedToken();
  }
}

absl::StatusOr<std::string> ClusterState::UpsertNode(raft::LogIndex index) {
  const Node& node = command_.node_upsert().node();
  if (absl::Status status = CheckNode(node); !status.ok()) return status;
  const bool joins = tables_.FindNode(node.id()) == nullptr;
  std::string reply = PutNode(index, node);
  if (joins) Audit(index, AUDIT_TYPE_NODE_JOIN, "hostname", node.name());
  return reply;
}

absl::Status ClusterState::CheckNode(const Node& node) const {
  if (node.id() == 0) {
    return MakeError(ErrorCode::kValidationFailed, "node id is 0");
  }
  if (absl::Status status = ValidateName("node name", node.name());
      !status.ok()) {
    return status;
  }
  absl::Status status = ValidateAddress(node.address());
  if (status.ok()) status = ValidateVersion(node.version());
  if (!status.ok()) return status;
  const Node* namesake = tables_.FindNodeByName(node.name());
  if (namesake != nullptr && namesake->id() != node.id()) {
    return NameTaken(node.name());
  }
  return absl::OkStatus();
}

std::string ClusterState::PutNode(raft::LogIndex index, Node node) {
  const Node* known = tables_.FindNode(node.id());
  node.set_joined_at_unix_ms(known != nullptr ? known->joined_at_unix_ms()
                                              : command_.time_unix_ms());
  node.set_create_index(known != nullptr ? known->create_index()
                                         : index.value());
  node.set_modify_index(index.value());
  node.set_leaving(known != nullptr ? known->leaving() : NODE_LEAVING_NO);
  if (tables_.removed().contains(node.id())) tables_.ForgetRemoved(node.id());
  return tables_.PutNode(std::move(node));
}

absl::StatusOr<std::string> ClusterState::SetNodeStatus(raft::LogIndex index) {
  const NodeStatusSet& set = command_.node_status_set();
  if (set.status() == NODE_STATUS_UNSPECIFIED) {
    return MakeError(ErrorCode::kValidationFailed, "no node status is given");
  }
  const Node* node = tables_.FindNode(set.id());
  if (node == nullptr) {
    return MakeError(ErrorCode::kNodeNotFound,
                     absl::StrCat("no node ", set.id()));
  }
  if (node->status() == set.status()) return node->SerializeAsString();
  Node changed = *node;
  changed.set_status(set.status());
  return PutNode(index, std::move(changed));
}

absl::StatusOr<std::string> ClusterState::SetAutopilot(raft::LogIndex index) {
  const AutopilotSet& set = command_.autopilot_set();
  if (absl::Status status = ValidateAutopilot(set.config()); !status.ok()) {
    return status;
  }
  const std::optional<AutopilotConfig>& known = tables_.autopilot();
  const uint64_t modified = known.has_value() ? known->modify_index() : 0;
  if (set.check_index() && set.modify_index() != modified) {
    return MakeError(ErrorCode::kConflict,
                     absl::StrCat("the autopilot configuration is of index ",
                                  modified, ", not ", set.modify_index()));
  }
  AutopilotConfig config = set.config();
  config.set_create_index(known.has_value() ? known->create_index()
                                            : index.value());
  config.set_modify_index(index.value());
  std::string reply = tables_.PutAutopilot(std::move(config));
  if (Has(Feature::kAutopilotAudit)) {
    Audit(index, AUDIT_TYPE_AUTOPILOT_SET, "settings",
          DescribeAutopilot(set.config()));
  }
  return reply;
}

void ClusterState::Audit(raft::LogIndex index, AuditType type,
                         absl::string_view key, const std::string& value) {
  AuditEvent event;
  event.set_index(index.value());
  event.set_type(type);
  event.set_time_unix_ms(command_.time_unix_ms());
  event.set_identity(command_.identity());
  AuditDetail* detail = event.add_details();
  detail->set_key(key.data(), key.size());
  detail->set_value(value);
  tables_.AppendAudit(std::move(event));
}

}  // namespace jaco::fsm
