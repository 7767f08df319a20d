#ifndef JACO_ENV_POSIX_ERRNO_STATUS_H_
#define JACO_ENV_POSIX_ERRNO_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace jaco::env {

// The status that env/file_system.h promises for `error_number`, with the
// message "<operation> <path>: <reason>".
absl::Status ErrnoStatus(absl::string_view operation, absl::string_view path,
                         int error_number);

}  // namespace jaco::env

#endif  // JACO_ENV_POSIX_ERRNO_STATUS_H_
