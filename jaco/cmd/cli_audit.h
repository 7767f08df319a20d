// `jaco audit`: who has done what to the cluster.

#ifndef JACO_CMD_CLI_AUDIT_H_
#define JACO_CMD_CLI_AUDIT_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "jaco/cmd/cli_operator.h"

namespace jaco::cmd {

struct AuditOptions {
  std::string since;
  std::vector<std::string> types;
  bool follow = false;
  bool stale = false;
};

// What is pointed to outlives the parsing.
void AddAuditCommand(CLI::App* app, AuditOptions* options, std::string* output,
                     const ChooseCommand& choose);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_AUDIT_H_
