#ifndef JACO_CMD_CLI_COMPLETION_H_
#define JACO_CMD_CLI_COMPLETION_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/strings/string_view.h"

namespace jaco::cmd {

// A script that makes `shell` ("bash", "zsh" or "fish") complete the commands
// and options of `app`.
std::string CompletionScript(const CLI::App& app, absl::string_view shell);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_COMPLETION_H_
