#ifndef JACO_CMD_TERMINAL_H_
#define JACO_CMD_TERMINAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::cmd {

// One line from the terminal of this process, which is not shown while it is
// typed. kUnavailable where there is no terminal.
absl::StatusOr<std::string> AskAtTerminal(absl::string_view text);

}  // namespace jaco::cmd

#endif  // JACO_CMD_TERMINAL_H_
