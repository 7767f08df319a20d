#ifndef JACO_CMD_FILE_PRIVACY_H_
#define JACO_CMD_FILE_PRIVACY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::cmd {

// Whether the file `path`, which holds the secret `what`, keeps it.
// permission_denied, with the command that mends it, when anybody on the host
// may read or write it. A warning when its group may and need not: this process
// owns the file. Empty when all is well, and when there is no such file, or
// when it is none on a disk.
absl::StatusOr<std::string> CheckPrivate(absl::string_view what,
                                         const std::string& path);

}  // namespace jaco::cmd

#endif  // JACO_CMD_FILE_PRIVACY_H_
