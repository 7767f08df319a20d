// `jaco operator raft|autopilot ...` against a running server, and the rotation
// of the cluster's authority.

#ifndef JACO_CMD_CLI_OPERATOR_H_
#define JACO_CMD_CLI_OPERATOR_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "jaco/cmd/cli_session.h"

namespace jaco::cmd {

struct OperatorOptions {
  bool stale = false;
  std::string peer_id;
  std::string peer_address;
  bool force = false;
  // Of set-config; what is not given stays.
  std::optional<bool> cleanup_dead_servers;
  std::optional<std::string> last_contact_threshold;
  std::optional<uint64_t> max_trailing_logs;
  std::optional<std::string> server_stabilization_time;
  std::optional<uint64_t> min_quorum;
};

// Called by the subcommand that was given, with what is to be run.
using ChooseCommand =
    std::function<void(std::function<int(CliSession&)> command)>;

// list-peers, remove-peer, transfer-leadership. What is pointed to outlives
// the parsing.
void AddRaftCommands(CLI::App* raft, OperatorOptions* options,
                     std::string* output, const ChooseCommand& choose);
// autopilot get-config, set-config, health.
void AddAutopilotCommands(CLI::App* operate, OperatorOptions* options,
                          std::string* output, const ChooseCommand& choose);
// rotate-ca, retire-ca.
void AddAuthorityCommands(CLI::App* cluster, OperatorOptions* options,
                          const ChooseCommand& choose);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_OPERATOR_H_
