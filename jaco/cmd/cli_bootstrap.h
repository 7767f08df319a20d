// `jaco bootstrap ...`, the twin of Redis' bootstrap API, and `jaco user ...`.

#ifndef JACO_CMD_CLI_BOOTSTRAP_H_
#define JACO_CMD_CLI_BOOTSTRAP_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "jaco/cmd/cli_operator.h"
#include "jaco/cmd/cli_session.h"

namespace jaco::cmd {

struct BootstrapCommandOptions {
  std::string name;  // of the cluster, or of a user
  std::vector<std::string> nodes;
  std::string username;
  std::string password_file;
  std::string passphrase_file;
  std::string file;
  uint32_t max_retries = 0;
  uint32_t retry_time = 1;  // seconds
  bool no_wait = false;
};

// What is pointed to outlives the parsing. `token_needed` becomes false for a
// command that a server without a cluster serves to strangers.
void AddBootstrapCommands(CLI::App* app, BootstrapCommandOptions* options,
                          std::string* output, bool* token_needed,
                          const ChooseCommand& choose);
void AddUserCommands(CLI::App* app, BootstrapCommandOptions* options,
                     std::string* output, const ChooseCommand& choose);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_BOOTSTRAP_H_
