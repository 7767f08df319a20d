// `jaco monitor`: the log of the server that one talks to.

#ifndef JACO_CMD_CLI_MONITOR_H_
#define JACO_CMD_CLI_MONITOR_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "jaco/cmd/cli_operator.h"

namespace jaco::cmd {

struct MonitorOptions {
  std::string log_level = "info";
  uint64_t lines = 10;  // of what was before
};

// What is pointed to outlives the parsing.
void AddMonitorCommand(CLI::App* app, MonitorOptions* options,
                       const ChooseCommand& choose);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_MONITOR_H_
