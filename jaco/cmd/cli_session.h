// A conversation of `jaco` with a daemon: requests, patience while there is no
// leader, and what comes out on the terminal.

#ifndef JACO_CMD_CLI_SESSION_H_
#define JACO_CMD_CLI_SESSION_H_

#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/cmd/api_client.h"
#include "jaco/cmd/cli.h"
#include "jaco/cmd/cli_output.h"
#include "jaco/net/sansio/api_json.h"

namespace jaco::cmd {

class CliSession {
 public:
  // Longer than the server waits for a write: its answer says more than
  // silence.
  static constexpr absl::Duration kTimeout = absl::Seconds(15);

  struct Request {
    absl::string_view method;
    std::string target;
    std::string body;
    absl::Duration timeout = kTimeout;
  };

  // One of the two: the body of a 2xx, or an error; without a code when nobody
  // gave a typed answer.
  struct Outcome {
    std::string body;
    std::optional<net::ApiError> error;
    std::string digest;        // the Digest header of a 2xx
    bool unreachable = false;  // nobody is there to answer
  };

  // `world` and `output` ("table", "json" or "yaml") are borrowed.
  CliSession(const CliWorld& world, const std::string& output, ApiClient client)
      : world_(world), output_(output), client_(std::move(client)) {}

  // See ApiClient.
  void KeepConnection() { client_.KeepConnection(); }

  Outcome Call(const Request& request);
  // The same, again and again for a while if an election is under way: the
  // command may succeed if it is patient.
  Outcome CallLeader(const Request& request);

  template <typename Response>
  using Decode = absl::StatusOr<Response> (*)(absl::string_view);
  template <typename Response>
  using Format = std::string (*)(const Response&);

  // These print, and return the exit code.
  template <typename Response>
  int Finish(const Outcome& outcome, Decode<Response> decode,
             Format<Response> format) {
    if (outcome.error) return Fail(*outcome.error);
    const auto response = decode(outcome.body);
    if (!response.ok()) return Fail(response.status());
    *world_.out << format(*response);
    return 0;
  }
  // As Finish, in the format that -o asks for.
  template <typename Response>
  int Show(const Outcome& outcome, Decode<Response> decode,
           Format<Response> format) {
    if (output_ == "table" || outcome.error) {
      return Finish(outcome, decode, format);
    }
    const auto response = decode(outcome.body);
    if (!response.ok()) return Fail(response.status());
    return PrintBody(outcome.body);
  }
  // As JSON or YAML, what `pick` makes of the answer.
  int ShowPart(const Outcome& outcome,
               absl::StatusOr<std::string> (*pick)(absl::string_view));
  int Fail(const net::ApiError& error);
  int Fail(const absl::Status& status);

  const CliWorld& world() const { return world_; }
  const ApiClient& client() const { return client_; }

 private:
  int PrintBody(absl::string_view json);

  const CliWorld& world_;
  const std::string& output_;
  ApiClient client_;
};

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_SESSION_H_
