// Every text that `jaco` prints on success. Operators' scripts read these, so
// they change with the documentation or not at all.

#ifndef JACO_CMD_CLI_OUTPUT_H_
#define JACO_CMD_CLI_OUTPUT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/server/api.h"

namespace jaco::cmd {

std::string FormatInit(const server::InitResponse& response);
std::string FormatStatus(const server::StatusResponse& response);
std::string FormatIssuedToken(const server::IssueTokenResponse& response);
std::string FormatRevokedToken(absl::string_view identity);
std::string FormatTokens(const server::ListTokensResponse& response);

std::string FormatJoinToken(absl::string_view peer,
                            const server::IssueJoinTokenResponse& response);
std::string FormatJoined(const server::JoinResponse& response);
std::string FormatNodes(const server::StatusResponse& response);
// Those of `nomad server join` and `nomad server members`.
std::string FormatJoinedServers(const server::JoinServersResponse& response);
std::string FormatServers(const server::StatusResponse& response);

// The daemon's JSON answer, indented by 2 or as YAML. `json` is valid.
std::string FormatJson(absl::string_view json);
std::string FormatYaml(absl::string_view json);

// JSON or YAML with DEL and the C1 control characters, which a terminal may
// obey, as escapes. The others are so already.
std::string EscapeControls(absl::string_view text);

// {"nodes": [...]} of what `cluster status` answers, and the list of members
// of what /v1/agent/members does, as JSON. kInternal if that is something else.
absl::StatusOr<std::string> PickNodes(absl::string_view json);
absl::StatusOr<std::string> PickMembers(absl::string_view json);

// `Error: <code>: <message>`; without a code, `Error: <message>`: nobody gave
// a typed answer. A line with what to do next follows where that is known and
// the message does not say it.
std::string FormatError(absl::string_view code, absl::string_view message);
// Of a command line that makes no sense.
std::string FormatUsageError(absl::string_view message,
                             absl::string_view hint = "");

}  // namespace jaco::cmd

#endif  // JACO_CMD_CLI_OUTPUT_H_
