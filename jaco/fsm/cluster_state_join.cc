// How nodes come in: join tokens, which are consumed by the same command that
// adds the node, so that of two racers one wins.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/validate.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {

absl::StatusOr<std::string> ClusterState::IssueJoinToken(raft::LogIndex index) {
  const JoinTokenIssue& issue = command_.join_token_issue();
  if (absl::Status status = ValidateTokenHash(issue.token_hash());
      !status.ok()) {
    return status;
  }
  if (!issue.node_name().empty()) {
    if (absl::Status status = ValidateName("node name", issue.node_name());
        !status.ok()) {
      return status;
    }
  }
  if (issue.life_ms() <= 0 || issue.life_ms() > kJoinTokenLifeMaxMs) {
    return MakeError(ErrorCode::kValidationFailed,
                     "no join token is good for that long");
  }
  if (tables_.FindJoinToken(issue.token_hash()) != nullptr ||
      tables_.FindTokenByHash(issue.token_hash()) != nullptr) {
    return MakeError(ErrorCode::kValidationFailed,
                     "there is a token with this hash already");
  }
  size_t valid = 0;
  for (const auto& [hash, token] : tables_.join_tokens()) {
    if (CheckGood(token).ok()) ++valid;
  }
  if (valid >= kJoinTokensMax) {
    return MakeError(
        ErrorCode::kRateLimited,
        absl::StrCat(valid, " join tokens are out; wait until some expire"));
  }
  ForgetJoinTokens();

  JoinToken token;
  token.set_hash(issue.token_hash());
  token.set_issued_at_unix_ms(command_.time_unix_ms());
  token.set_expires_at_unix_ms(command_.time_unix_ms() + issue.life_ms());
  token.set_node_name(issue.node_name());
  token.set_create_index(index.value());
  token.set_modify_index(index.value());
  std::string reply = tables_.PutJoinToken(std::move(token));
  Audit(index, AUDIT_TYPE_JOIN_TOKEN_ISSUE, "hostname",
        issue.node_name().empty() ? "*" : issue.node_name());
  return reply;
}

void ClusterState::ForgetJoinTokens() {
  const auto& tokens = tables_.join_tokens();
  for (auto it = tokens.begin(); it != tokens.end();) {
    const std::string hash = it->first;
    const int64_t now = command_.time_unix_ms();
    const bool old =
        it->second.expires_at_unix_ms() < now - kJoinTokenMemoryMs ||
        it->second.issued_at_unix_ms() > now + kJoinTokenMemoryMs;
    ++it;
    if (old) tables_.RemoveJoinToken(hash);
  }
}

absl::StatusOr<std::string> ClusterState::JoinNode(raft::LogIndex index) {
  const NodeJoin& join = command_.node_join();
  const absl::StatusOr<const JoinToken*> token = CheckJoinToken(join);
  if (!token.ok()) return token.status();
  if (absl::Status status = CheckNode(join.node()); !status.ok()) return status;
  const Node* known = tables_.FindNode(join.node().id());
  if (known != nullptr && known->name() != join.node().name()) {
    return MakeError(
        ErrorCode::kNodeAlreadyMember,
        absl::StrCat("node ", known->id(), " is a member already, as \"",
                     known->name(), "\""));
  }
  // Ids are drawn with the token: another one must not take a node over.
  if (known != nullptr && (*token)->consumed_by() != known->id()) {
    return MakeError(
        ErrorCode::kNodeAlreadyMember,
        absl::StrCat("node \"", known->name(), "\" joined by another token"));
  }
  if (tables_.removed().contains(join.node().id())) {
    return MakeError(ErrorCode::kConflict,
                     absl::StrCat("node ", join.node().id(),
                                  " was removed; it has to join as a new one"));
  }
  if (known != nullptr && known->leaving() != NODE_LEAVING_NO) {
    return MakeError(
        ErrorCode::kConflict,
        absl::StrCat("node \"", known->name(), "\" is being removed"));
  }
  if (absl::Status status =
          CheckLevel(join.node().name(), join.node().feature_level());
      !status.ok()) {
    return status;
  }
  const bool joins = known == nullptr;
  Node node = join.node();
  // Whoever asks again may be elsewhere by now.
  node.set_announce_index(index.value());
  node.set_status(joins ? NODE_STATUS_JOINING : known->status());
  JoinToken consumed = **token;
  consumed.set_consumed_by(node.id());
  consumed.set_modify_index(index.value());
  tables_.PutJoinToken(std::move(consumed));
  std::string reply = PutNode(index, std::move(node));
  if (joins) Audit(index, AUDIT_TYPE_NODE_JOIN, "hostname", join.node().name());
  return reply;
}

absl::StatusOr<const JoinToken*> ClusterState::CheckJoinToken(
    const NodeJoin& join) const {
  if (absl::Status status = ValidateTokenHash(join.token_hash());
      !status.ok()) {
    return status;
  }
  const JoinToken* token = tables_.FindJoinToken(join.token_hash());
  if (token == nullptr) {
    return MakeError(ErrorCode::kJoinTokenInvalid,
                     "the join token is unknown to the cluster");
  }
  const std::string& name = join.node().name();
  if (!token->node_name().empty() && token->node_name() != name) {
    return MakeError(
        ErrorCode::kJoinTokenInvalid,
        absl::StrCat("the join token is for another node than \"", name, "\""));
  }
  if (token->consumed_by() != 0) {
    // Whoever did not hear the answer asks again. Once it is ready it has the
    // cluster on its disk: then that is somebody else.
    const Node* known = tables_.FindNode(join.node().id());
    if (token->consumed_by() != join.node().id() || known == nullptr ||
        known->status() != NODE_STATUS_JOINING) {
      return MakeError(ErrorCode::kJoinTokenConsumed,
                       "the join token has been used");
    }
  }
  if (absl::Status status = CheckGood(*token); !status.ok()) return status;
  return token;
}

// One from the future is of a leader whose clock was wrong, or this one's is:
// neither makes its life longer.
absl::Status ClusterState::CheckGood(const JoinToken& token) const {
  const int64_t now = command_.time_unix_ms();
  if (token.expires_at_unix_ms() <= now) {
    return MakeError(ErrorCode::kJoinTokenExpired,
                     "the join token has expired");
  }
  if (token.issued_at_unix_ms() > now + kClockDifferenceMaxMs) {
    return MakeError(ErrorCode::kJoinTokenExpired,
                     "the join token was issued later than now, by the clock "
                     "of the leader");
  }
  return absl::OkStatus();
}

}  // namespace jaco::fsm
