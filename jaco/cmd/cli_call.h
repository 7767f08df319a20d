// One call of `jaco` on a jacod, for commands that live in files of their own.

#ifndef JACO_CMD_CLI_CALL_H_
#define JACO_CMD_CLI_CALL_H_

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/net/sansio/api_json.h"

namespace jaco::cmd {

// Longer than the server waits for a write: its answer says more than silence.
inline constexpr absl::Duration kCallTimeout = absl::Seconds(15);

struct Request {
  absl::string_view method;
  std::string target;
  std::string body;
  absl::Duration timeout = kCallTimeout;
};

// One of the two: the body of a 2xx, or an error; without a code when nobody
// gave a typed answer.
struct Outcome {
  std::string body;
  std::optional<net::ApiError> error;
  std::string digest;        // the Digest header of a 2xx
  bool unreachable = false;  // nobody is there to answer
};

using Caller = absl::FunctionRef<Outcome(const Request&)>;

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_CALL_H_
