// `jaco node list` and `jaco server members`.

#ifndef JACO_CMD_CLI_NODES_H_
#define JACO_CMD_CLI_NODES_H_

#include <string>

#include "absl/status/status.h"
#include "jaco/cmd/cli_session.h"
#include "jaco/server/api.h"

namespace jaco::cmd {

// Print, and return the exit code. The nodes are those that the server knows: a
// server that is no member, or not yet, is an error.
int ListNodes(CliSession& session, const std::string& output);
int ListServers(CliSession& session, const std::string& output);

// Why this is no list of a cluster's nodes; OK if it is one.
absl::Status CheckKnowsNodes(const server::StatusResponse& status);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_NODES_H_
