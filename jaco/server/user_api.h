// Operators with passwords, and servers that join by one. As api.h, without a
// word of HTTP.

#ifndef JACO_SERVER_USER_API_H_
#define JACO_SERVER_USER_API_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "jaco/server/api.h"

namespace jaco::server {

inline constexpr size_t kPasswordBytesMax = 1024;

// What credentials of users begin with, in any case (RFC 7617); all others are
// tokens.
inline constexpr absl::string_view kBasicScheme = "basic ";
inline bool IsBasic(absl::string_view credentials) {
  return absl::StartsWithIgnoreCase(credentials, kBasicScheme);
}

struct SetUserRequest {
  std::string name;
  std::string password;
};
struct RemoveUserRequest {
  std::string name;
};
// Of both.
struct UserResponse {
  uint64_t index = 0;
};

struct UserInfo {
  std::string name;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
};
struct ListUsersResponse {
  std::vector<UserInfo> users;  // by name
  uint64_t index = 0;           // of the state that was read
};

// See password_join.proto.
class PasswordChallengeRequest;
class PasswordChallenge;
class PasswordProof;
class PasswordVerdict;

// Loop thread.
class UserApi {
 public:
  virtual ~UserApi() = default;

  // Adds the user, or changes the password. validation_failed, conflict when
  // there are too many.
  virtual void SetUser(const Caller& caller, SetUserRequest request,
                       Reply<UserResponse> reply) = 0;
  // not_found.
  virtual void RemoveUser(const Caller& caller, RemoveUserRequest request,
                          Reply<UserResponse> reply) = 0;
  // Linearizable.
  virtual void ListUsers(const Caller& caller,
                         Reply<ListUsersResponse> reply) = 0;

  // Of anybody over TLS, answered by any member. permission_denied without a
  // channel binding; token_invalid for a wrong proof, an unknown user or a
  // challenge that is not open any more, without saying which;
  // validation_failed; and what IssueJoinToken says.
  virtual void Challenge(const Caller& caller, PasswordChallengeRequest request,
                         Reply<PasswordChallenge> reply) = 0;
  virtual void Prove(const Caller& caller, PasswordProof request,
                     Reply<PasswordVerdict> reply) = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_USER_API_H_
