#ifndef JACO_CMD_CLI_H_
#define JACO_CMD_CLI_H_

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace jaco::cmd {

// What a run of `jaco` sees of the world.
struct CliWorld {
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  std::istream* in = nullptr;              // null: nothing to read
  std::optional<std::string> socket;       // $JACO_SOCKET
  std::optional<std::string> token;        // $JACO_TOKEN
  std::optional<std::string> ca_cert;      // $JACO_CA_CERT
  std::optional<std::string> join_token;   // $JACO_JOIN_TOKEN
  std::string data_dir = "/var/lib/jaco";  // $JACO_DATA_DIR
  // What else is asked for; an empty variable counts as unset.
  std::function<std::optional<std::string>(const char* name)> environment =
      [](const char*) { return std::nullopt; };
  // Asks at the terminal, without showing the answer; an error where there is
  // none.
  std::function<absl::StatusOr<std::string>(absl::string_view text)> prompt =
      [](absl::string_view) {
        return absl::UnavailableError("there is no terminal to ask at");
      };
  absl::Duration retry_for = absl::Seconds(10);
  absl::Duration retry_every = absl::Milliseconds(200);
  // Between the questions of a command that goes on.
  absl::Duration follow_every = absl::Seconds(1);
};

// Runs `jaco` with `arguments` (without the program's name). Returns the exit
// code: 0, or 1 for any error.
int RunCli(std::vector<std::string> arguments, const CliWorld& world);

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_H_
