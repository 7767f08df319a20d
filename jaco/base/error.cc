#include "jaco/base/error.h"

#include <string>

#include "absl/strings/cord.h"
#include "jaco/base/check.h"

namespace jaco {
namespace {

constexpr absl::string_view kPayloadUrl = "jaco/error_code";

struct Row {
  ErrorCode code;
  absl::string_view name;
  absl::StatusCode canonical;
};

constexpr Row kRows[] = {
    {ErrorCode::kClusterUninitialized, "cluster_uninitialized",
     absl::StatusCode::kUnavailable},
    {ErrorCode::kClusterAlreadyInitialized, "cluster_already_initialized",
     absl::StatusCode::kFailedPrecondition},
    {ErrorCode::kNodeAlreadyMember, "node_already_member",
     absl::StatusCode::kAlreadyExists},
    {ErrorCode::kNoLeader, "no_leader", absl::StatusCode::kUnavailable},
    {ErrorCode::kQuorumLost, "quorum_lost", absl::StatusCode::kUnavailable},
    {ErrorCode::kTokenInvalid, "token_invalid",
     absl::StatusCode::kUnauthenticated},
    {ErrorCode::kTokenRevoked, "token_revoked",
     absl::StatusCode::kUnauthenticated},
    {ErrorCode::kTokenExists, "token_exists", absl::StatusCode::kAlreadyExists},
    {ErrorCode::kTokenNotFound, "token_not_found", absl::StatusCode::kNotFound},
    {ErrorCode::kJoinTokenInvalid, "join_token_invalid",
     absl::StatusCode::kPermissionDenied},
    {ErrorCode::kJoinTokenExpired, "join_token_expired",
     absl::StatusCode::kPermissionDenied},
    {ErrorCode::kJoinTokenConsumed, "join_token_consumed",
     absl::StatusCode::kPermissionDenied},
    {ErrorCode::kPermissionDenied, "permission_denied",
     absl::StatusCode::kPermissionDenied},
    {ErrorCode::kNodeNotFound, "node_not_found", absl::StatusCode::kNotFound},
    {ErrorCode::kNotAMember, "not_a_member",
     absl::StatusCode::kFailedPrecondition},
    {ErrorCode::kPeerUnreachable, "peer_unreachable",
     absl::StatusCode::kUnavailable},
    {ErrorCode::kPeerUntrusted, "peer_untrusted",
     absl::StatusCode::kUnauthenticated},
    {ErrorCode::kConfigMismatch, "config_mismatch",
     absl::StatusCode::kFailedPrecondition},
    {ErrorCode::kValidationFailed, "validation_failed",
     absl::StatusCode::kInvalidArgument},
    {ErrorCode::kParseFailed, "parse_failed",
     absl::StatusCode::kInvalidArgument},
    {ErrorCode::kNotFound, "not_found", absl::StatusCode::kNotFound},
    {ErrorCode::kDataLoss, "data_loss", absl::StatusCode::kDataLoss},
    {ErrorCode::kDiskFull, "disk_full", absl::StatusCode::kResourceExhausted},
    {ErrorCode::kConflict, "conflict", absl::StatusCode::kAborted},
    {ErrorCode::kTooLarge, "too_large", absl::StatusCode::kOutOfRange},
    {ErrorCode::kRateLimited, "rate_limited", absl::StatusCode::kUnavailable},
    {ErrorCode::kTimeout, "timeout", absl::StatusCode::kDeadlineExceeded},
    {ErrorCode::kInternal, "internal", absl::StatusCode::kInternal},
};

const Row& RowOf(ErrorCode code) {
  const Row& row = kRows[static_cast<size_t>(code)];
  JACO_CHECK(row.code == code);
  return row;
}

ErrorCode Nearest(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kDataLoss:
      return ErrorCode::kDataLoss;
    case absl::StatusCode::kResourceExhausted:
      return ErrorCode::kDiskFull;
    case absl::StatusCode::kInvalidArgument:
      return ErrorCode::kValidationFailed;
    case absl::StatusCode::kDeadlineExceeded:
      return ErrorCode::kTimeout;
    case absl::StatusCode::kNotFound:
      return ErrorCode::kNotFound;
    case absl::StatusCode::kPermissionDenied:
      return ErrorCode::kPermissionDenied;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace

absl::string_view ErrorCodeName(ErrorCode code) { return RowOf(code).name; }

std::optional<ErrorCode> ErrorCodeFromName(absl::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.code;
  }
  return std::nullopt;
}

absl::Status MakeError(ErrorCode code, absl::string_view message) {
  const Row& row = RowOf(code);
  absl::Status status(row.canonical, message);
  status.SetPayload(kPayloadUrl, absl::Cord(row.name));
  return status;
}

ErrorCode CodeOf(const absl::Status& status) {
  JACO_CHECK(!status.ok());
  if (const auto payload = status.GetPayload(kPayloadUrl)) {
    if (const auto code = ErrorCodeFromName(std::string(*payload))) {
      return *code;
    }
  }
  return Nearest(status.code());
}

}  // namespace jaco
