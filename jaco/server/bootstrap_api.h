// Redis Enterprise's bootstrap API, without a word of HTTP and JSON: a door
// into a cluster for programs. docs/decisions/0018-bootstrap-api.md.

#ifndef JACO_SERVER_BOOTSTRAP_API_H_
#define JACO_SERVER_BOOTSTRAP_API_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/base/error.h"
#include "jaco/base/time.h"
#include "jaco/env/host.h"
#include "jaco/server/api.h"

namespace jaco::server {

enum class BootstrapAction { kCreate, kJoin, kRecover };
// As "create_cluster".
absl::string_view BootstrapActionName(BootstrapAction action);
std::optional<BootstrapAction> BootstrapActionFromName(absl::string_view name);

enum class BootstrapState {
  kIdle,
  kInitiated,
  kCreating,
  kJoining,
  kRecovering,
  kError,
  kCompleted
};
// As "creating_cluster".
absl::string_view BootstrapStateName(BootstrapState state);

// What is empty or 0 was not given.
struct BootstrapRequest {
  BootstrapAction action = BootstrapAction::kCreate;
  std::string cluster_name;
  std::vector<std::string> nodes;  // APIs of members: host or host:port
  std::string username;
  std::string password;    // secret
  std::string join_token;  // secret; to join without a password
  std::string node_name;   // as this server has to be called
  std::string address;     // at which this server has to be for its peers
  std::vector<std::string> external_addresses;  // for its clients
  std::string recovery_filename;
  std::string recovery_secret;       // the backup's key or passphrase
  uint32_t retries_max = 0;          // of a join for which nobody was reached
  Duration retry_time = Seconds(1);  // between two of them
};

struct BootstrapStatus {
  BootstrapState state = BootstrapState::kIdle;
  std::optional<absl::Time> started;
  std::optional<absl::Time> ended;
  // With kError.
  std::string error_code;  // of Redis' list: "connect_error"
  std::string error_message;
};

struct BootstrapReport {
  BootstrapStatus status;
  uint64_t uid = 0;  // the write that took this node in; 0: none yet
  std::string software_version;
  std::string data_dir;
  env::HostFacts host;
};

// Redis' name for an error of the closed set.
std::string BootstrapErrorCode(const absl::Status& status);
// An error that has this name there.
absl::Status BootstrapError(ErrorCode code, absl::string_view error_code,
                            absl::string_view message);

// Loop thread.
class BootstrapApi {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;

  virtual ~BootstrapApi() = default;

  // Whether anybody may ask: this server is no member, or is becoming one here.
  virtual bool IsOpen() const = 0;

  // Answers in every state.
  virtual void Report(Reply<BootstrapReport> reply) = 0;
  // permission_denied for those who may not ask this server;
  // cluster_already_initialized, conflict while another action is under way;
  // validation_failed.
  virtual absl::Status CheckMayBegin(const Caller& caller,
                                     const BootstrapRequest& request) const = 0;
  // Begins what is asked for, whose progress Report tells, or changes nothing:
  // the errors of CheckMayBegin.
  virtual absl::Status Begin(const Caller& caller,
                             BootstrapRequest request) = 0;
  // Whether what may begin would succeed, as far as that can be told without
  // doing it: the errors of the action.
  virtual void Validate(BootstrapRequest request, Done done) = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_BOOTSTRAP_API_H_
