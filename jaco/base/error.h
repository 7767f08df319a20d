// The closed set of error codes that operators and clients branch on.
//
// Inside, errors travel as absl::Status; MakeError attaches one of these codes
// and CodeOf finds it again, so that a status made by any layer can be shown as
// `Error: <code>: <message>` or as JSON `{code, message}`.

#ifndef JACO_BASE_ERROR_H_
#define JACO_BASE_ERROR_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace jaco {

enum class ErrorCode {
  kClusterUninitialized,
  kClusterAlreadyInitialized,
  kNodeAlreadyMember,
  kNoLeader,
  kQuorumLost,
  kTokenInvalid,
  kTokenRevoked,
  kTokenExists,
  kTokenNotFound,
  kJoinTokenInvalid,
  kJoinTokenExpired,
  kJoinTokenConsumed,
  kPermissionDenied,
  kNodeNotFound,
  kNotAMember,
  kPeerUnreachable,
  kPeerUntrusted,
  kConfigMismatch,
  kValidationFailed,
  kParseFailed,
  kNotFound,
  kDataLoss,
  kDiskFull,
  kConflict,
  kTooLarge,
  kRateLimited,
  kTimeout,
  kInternal,
};

// The wire name, as "no_leader".
absl::string_view ErrorCodeName(ErrorCode code);
// The inverse; nullopt for a name that is not in the set.
std::optional<ErrorCode> ErrorCodeFromName(absl::string_view name);

// A status that carries `code`. `message` names the thing and the value.
absl::Status MakeError(ErrorCode code, absl::string_view message);

// The code that MakeError attached; for other statuses the nearest one
// (DATA_LOSS is data_loss, RESOURCE_EXHAUSTED is disk_full, ...), else
// internal. `status` must not be OK.
ErrorCode CodeOf(const absl::Status& status);

}  // namespace jaco

#endif  // JACO_BASE_ERROR_H_
