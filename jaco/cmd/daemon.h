#ifndef JACO_CMD_DAEMON_H_
#define JACO_CMD_DAEMON_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/cmd/config.h"

namespace jaco::cmd {

enum class DaemonMode {
  kNormal,
  // One server in memory on loopback, which initialises itself and says on
  // standard output how to talk to it.
  kDev,
};

// Reads the settings once more, for SIGHUP.
using ReadConfig = absl::AnyInvocable<absl::StatusOr<Config>()>;

// Runs jacod until SIGTERM or SIGINT (OK) or until it cannot go on (the
// reason). A second signal ends the process at once with code 130. Once a
// process. SIGHUP takes over the log level that `read_config` returns, and
// certificates that have changed on disk.
absl::Status RunDaemon(Config config, DaemonMode mode, ReadConfig read_config);

}  // namespace jaco::cmd

#endif  // JACO_CMD_DAEMON_H_
