#ifndef JACO_CMD_CLI_ARGUMENTS_H_
#define JACO_CMD_CLI_ARGUMENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace jaco::cmd {

// The arguments of `jaco` as CLI11 takes them: -o FORMAT before the first word
// of the command, one of `commands`, goes to the end. validation_failed for
// `--option=` without a value, for which CLI11 would take the next argument.
absl::StatusOr<std::vector<std::string>> ArrangeArguments(
    std::vector<std::string> arguments,
    const std::vector<std::string>& commands);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_ARGUMENTS_H_
