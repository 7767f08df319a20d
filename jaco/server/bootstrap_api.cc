#include "jaco/server/bootstrap_api.h"

#include "absl/strings/cord.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kPayload = "jaco/bootstrap_error_code";

}  // namespace

absl::string_view BootstrapActionName(BootstrapAction action) {
  switch (action) {
    case BootstrapAction::kCreate:
      return "create_cluster";
    case BootstrapAction::kJoin:
      return "join_cluster";
    case BootstrapAction::kRecover:
      return "recover_cluster";
  }
  return "";
}

std::optional<BootstrapAction> BootstrapActionFromName(absl::string_view name) {
  for (const auto action : {BootstrapAction::kCreate, BootstrapAction::kJoin,
                            BootstrapAction::kRecover}) {
    if (BootstrapActionName(action) == name) return action;
  }
  return std::nullopt;
}

absl::string_view BootstrapStateName(BootstrapState state) {
  switch (state) {
    case BootstrapState::kIdle:
      return "idle";
    case BootstrapState::kInitiated:
      return "initiated";
    case BootstrapState::kCreating:
      return "creating_cluster";
    case BootstrapState::kJoining:
      return "joining_cluster";
    case BootstrapState::kRecovering:
      return "recovering_cluster";
    case BootstrapState::kError:
      return "error";
    case BootstrapState::kCompleted:
      return "completed";
  }
  return "";
}

std::string BootstrapErrorCode(const absl::Status& status) {
  if (const auto code = status.GetPayload(kPayload)) return std::string(*code);
  switch (CodeOf(status)) {
    case ErrorCode::kValidationFailed:
    case ErrorCode::kParseFailed:
    case ErrorCode::kTooLarge:
      return "config_error";
    case ErrorCode::kPeerUnreachable:
    case ErrorCode::kClusterUninitialized:
    case ErrorCode::kNotAMember:
    case ErrorCode::kNoLeader:
    case ErrorCode::kQuorumLost:
    case ErrorCode::kTimeout:
    case ErrorCode::kRateLimited:
      return "connect_error";
    case ErrorCode::kPeerUntrusted:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kTokenInvalid:
    case ErrorCode::kTokenRevoked:
    case ErrorCode::kJoinTokenInvalid:
    case ErrorCode::kJoinTokenExpired:
    case ErrorCode::kJoinTokenConsumed:
      return "access_denied";
    case ErrorCode::kConfigMismatch:
    case ErrorCode::kNodeAlreadyMember:
      return "node_config_mismatch";
    case ErrorCode::kNotFound:
      return "path_error";
    default:
      return "internal_error";
  }
}

absl::Status BootstrapError(ErrorCode code, absl::string_view error_code,
                            absl::string_view message) {
  absl::Status status = MakeError(code, message);
  status.SetPayload(kPayload, absl::Cord(error_code));
  return status;
}

}  // namespace jaco::server
