// Secrets on their way from the operator to `jaco`.

#ifndef JACO_CMD_SECRET_ARGUMENT_H_
#define JACO_CMD_SECRET_ARGUMENT_H_

#include <istream>
#include <string>

#include "absl/status/statusor.h"

namespace jaco::cmd {

// Overwrites what follows `--token` in the arguments of this process, which
// everybody on the host can read. The caller has copied them.
void HideSecrets(int argc, char** argv);

// All of the file `path`, 64 KiB at most; "-" is `in`. not_found, naming it,
// when it cannot be read.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path,
                                           std::istream* in);

}  // namespace jaco::cmd

#endif  // JACO_CMD_SECRET_ARGUMENT_H_
