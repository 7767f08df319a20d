#include "jaco/env/posix/errno_status.h"

#include <errno.h>
#include <string.h>

#include "absl/strings/str_cat.h"

namespace jaco::env {
namespace {

absl::StatusCode CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
      return absl::StatusCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case EWOULDBLOCK:
      return absl::StatusCode::kFailedPrecondition;
    case EIO:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status ErrnoStatus(absl::string_view operation, absl::string_view path,
                         int error_number) {
  char buffer[128];
  const char* reason = strerror_r(error_number, buffer, sizeof(buffer));
  return absl::Status(CodeOfErrno(error_number),
                      absl::StrCat(operation, " ", path, ": ", reason));
}

}  // namespace jaco::env
