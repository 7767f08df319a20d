#ifndef JACO_CMD_CONFIG_H_
#define JACO_CMD_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"
#include "jaco/raft/raft.h"

namespace jaco::cmd {

inline constexpr absl::string_view kDefaultConfigPath = "/etc/jaco/jacod.yaml";
inline constexpr absl::string_view kDefaultSocket = "/var/run/jaco/jaco.sock";

// Where else the API is served.
struct ApiListener {
  bool tls = true;        // false: plain HTTP, on loopback only
  std::string host_port;  // a numeric address
};

// jacod's settings, valid as they stand.
struct Config {
  std::string node_name;  // empty: the name of the host
  std::string data_dir = "/var/lib/jaco";
  std::string unix_socket = std::string(kDefaultSocket);
  std::string listen_addr = "0.0.0.0:7000";   // of the API
  std::string cluster_addr = "0.0.0.0:7001";  // of the peer transport
  std::vector<ApiListener> api_listeners;     // besides listen_addr
  std::string socket_group;       // empty: `jaco`, if there is such a group
  std::string seal_key_file;      // empty: the keyring is not sealed
  uint32_t bootstrap_expect = 0;  // servers that found a cluster
  std::vector<std::string> retry_join;  // host:port of APIs
  std::string bootstrap_key;            // secret; empty: there is none
  std::string bootstrap_key_file;       // that holds it instead
  LogLevel log_level = LogLevel::kInfo;
  bool leave_on_terminate = false;  // SIGTERM takes the server out
  // The bootstrap API founds and joins also for those who come over TCP.
  bool remote_bootstrap = false;
  raft::Options raft;                 // those of raft_settings.h
  std::vector<std::string> warnings;  // of LoadConfig, for the log
};

// A bootstrap key that is worth the name; validation_failed, without a word of
// it.
absl::Status CheckBootstrapKey(absl::string_view key);

// What the command line said.
struct ConfigFlags {
  std::optional<std::string> config;
  std::optional<std::string> data_dir;
  std::optional<std::string> socket;
  std::optional<std::string> log_level;
};

// The value of an environment variable; an empty one counts as unset.
using EnvironmentReader =
    absl::FunctionRef<std::optional<std::string>(const char* name)>;

// Reads `text`, a YAML map of keys of Config, over the defaults. The schema is
// closed. Errors begin with "<path>:<line>: ": parse_failed (not YAML),
// validation_failed (unknown or repeated key, wrong type, bad value).
absl::StatusOr<Config> ParseConfig(absl::string_view text,
                                   absl::string_view path);

// The settings in force: flags over environment ($JACO_CONFIG, $JACO_DATA_DIR,
// $JACO_SOCKET, $JACO_SEAL_KEY_FILE, $JACO_BOOTSTRAP_KEY,
// $JACO_BOOTSTRAP_KEY_FILE, $JACO_LOG) over the file over defaults.
// Only the file at the default path may be missing. Also not_found and
// permission_denied: a file with a secret that everybody on the host may read
// is refused.
absl::StatusOr<Config> LoadConfig(const ConfigFlags& flags,
                                  EnvironmentReader environment);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CONFIG_H_
