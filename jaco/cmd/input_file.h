// What the operator names on the command line, to be read.

#ifndef JACO_CMD_INPUT_FILE_H_
#define JACO_CMD_INPUT_FILE_H_

#include <cstddef>
#include <istream>
#include <string>

#include "absl/status/statusor.h"

namespace jaco::cmd {

// Tokens, passwords, certificates.
inline constexpr size_t kSecretBytesMax = 64 << 10;

// All of the file `path`, which may be a pipe; "-" is `in` (null: there is
// none). too_large above `bytes_max`, validation_failed for a directory, and
// the errors of files; each names the file.
absl::StatusOr<std::string> ReadInput(const std::string& path, size_t bytes_max,
                                      std::istream* in);

}  // namespace jaco::cmd

#endif  // JACO_CMD_INPUT_FILE_H_
