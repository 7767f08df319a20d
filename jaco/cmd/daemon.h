#ifndef JACO_CMD_DAEMON_H_
#define JACO_CMD_DAEMON_H_

#include "absl/status/status.h"
#include "jaco/cmd/config.h"

namespace jaco::cmd {

enum class DaemonMode {
  kNormal,
  // One server in memory on loopback, which initialises itself and says on
  // standard output how to talk to it.
  kDev,
};

// Runs jacod until SIGTERM or SIGINT (OK) or until it cannot go on (the
// reason). A second signal ends the process at once with code 130. Once a
// process.
absl::Status RunDaemon(Config config, DaemonMode mode);

}  // namespace jaco::cmd

#endif  // JACO_CMD_DAEMON_H_
