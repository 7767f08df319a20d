#include "jaco/net/sansio/http_error.h"

#include "jaco/base/error.h"
#include "jaco/net/sansio/api_json.h"

namespace jaco::net {
namespace {

int HttpStatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kValidationFailed:
    case ErrorCode::kParseFailed:
      return 400;
    case ErrorCode::kTokenInvalid:
    case ErrorCode::kTokenRevoked:
      return 401;
    case ErrorCode::kJoinTokenInvalid:
    case ErrorCode::kJoinTokenExpired:
    case ErrorCode::kJoinTokenConsumed:
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kTokenNotFound:
    case ErrorCode::kNodeNotFound:
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kClusterAlreadyInitialized:
    case ErrorCode::kNodeAlreadyMember:
    case ErrorCode::kNotAMember:
    case ErrorCode::kConfigMismatch:
    case ErrorCode::kTokenExists:
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kRateLimited:
      return 429;
    case ErrorCode::kDataLoss:
    case ErrorCode::kInternal:
      return 500;
    case ErrorCode::kPeerUnreachable:
    case ErrorCode::kPeerUntrusted:
      return 502;
    case ErrorCode::kClusterUninitialized:
    case ErrorCode::kNoLeader:
    case ErrorCode::kQuorumLost:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kDiskFull:
      return 507;
  }
  return 500;
}

}  // namespace

HttpResponse ErrorResponse(const absl::Status& status) {
  return {.status = HttpStatusOf(CodeOf(status)), .body = EncodeError(status)};
}

}  // namespace jaco::net
