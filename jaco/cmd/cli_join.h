// `jaco node issue-join-token` and `jaco node join`: the two ends of a join
// token.

#ifndef JACO_CMD_CLI_JOIN_H_
#define JACO_CMD_CLI_JOIN_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "jaco/cmd/cli_operator.h"

namespace jaco::cmd {

struct JoinOptions {
  std::string node_name;  // of issue-join-token
  bool show_ca = false;   // likewise
  std::string peer;
  std::string token;                          // secret
  std::string token_file;                     // that holds it; "-" is stdin
  std::optional<std::string> token_variable;  // $JACO_JOIN_TOKEN
};

// Adds them to `node`. `options` is borrowed.
void AddJoinCommands(CLI::App* node, JoinOptions* options,
                     const ChooseCommand& choose);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_JOIN_H_
