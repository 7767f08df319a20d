// What `jaco operator ...` prints: as Nomad does.

#ifndef JACO_CMD_CLI_OPERATOR_OUTPUT_H_
#define JACO_CMD_CLI_OPERATOR_OUTPUT_H_

#include <string>

#include "jaco/server/operator_api.h"

namespace jaco::cmd {

std::string FormatPeers(const server::RaftPeers& peers);
std::string FormatAutopilot(const server::AutopilotSettings& settings);
std::string FormatHealth(const server::AutopilotHealth& health);
std::string FormatRotated(const server::AuthoritiesResponse& response);
std::string FormatRetired(const server::AuthoritiesResponse& response);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_OPERATOR_OUTPUT_H_
