// The rules for what people and servers may put into commands. Apply enforces
// them; a service asks first, to refuse without a round through the log.

#ifndef JACO_FSM_VALIDATE_H_
#define JACO_FSM_VALIDATE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/command.pb.h"

namespace jaco::fsm {

inline constexpr size_t kNameBytesMax = 128;
inline constexpr size_t kAddressBytesMax = 256;
inline constexpr size_t kUserNameBytesMax = 64;
inline constexpr size_t kPasswordSaltBytes = 16;
inline constexpr size_t kPasswordKeyBytes = 32;
// What checking a password may cost.
inline constexpr uint32_t kPasswordPassesMax = 16;
inline constexpr uint32_t kPasswordMemoryKibMin = 8;
inline constexpr uint32_t kPasswordMemoryKibMax = uint32_t{1} << 20;

// A name of anything (identity, node, cluster): 1 to kNameBytesMax bytes of
// [A-Za-z0-9._@:-]. These need no quoting in a shell, a URL's path, a log line
// or a row key. `what` begins the message. Error: validation_failed.
absl::Status ValidateName(absl::string_view what, absl::string_view name);

// A name that a token may be issued to: not one that audit events have for who
// has none, a user's or a join token's. Error: validation_failed.
absl::Status ValidateIdentity(absl::string_view name);

// The name of a user: 1 to kUserNameBytesMax characters of printable ASCII but
// &, <, >, " and the colon, which ends it in HTTP's Basic scheme.
// Error: validation_failed.
absl::Status ValidateUserName(absl::string_view name);
// Under which a user is in the audit log: "user:" and the name, where a byte
// that ValidateName refuses is a colon and two hex digits. No two names have
// the same one, and none is a name for those who need no password.
std::string UserIdentity(absl::string_view name);
// A name, a salt, keys and a cost that can be. Error: validation_failed.
absl::Status ValidateUser(const User& user);

// 1 to kAddressBytesMax bytes of printable ASCII without blanks; whether it
// leads anywhere is the network's business. Error: validation_failed.
absl::Status ValidateAddress(absl::string_view address);
// Of a build: up to kNameBytesMax printable ASCII characters, none of them a
// space; may be empty.
absl::Status ValidateVersion(absl::string_view version);

// The lower-case hex SHA-256 of a token. Error: validation_failed, without the
// hash in the message.
absl::Status ValidateTokenHash(absl::string_view hash);

// The contact threshold is above 0, the stabilization time at least 0, both at
// most a day; the least number of voters is at most 7. Error:
// validation_failed.
absl::Status ValidateAutopilot(const AutopilotConfig& config);

}  // namespace jaco::fsm

#endif  // JACO_FSM_VALIDATE_H_
