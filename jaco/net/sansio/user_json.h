#ifndef JACO_NET_SANSIO_USER_JSON_H_
#define JACO_NET_SANSIO_USER_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/server/user_api.h"

namespace jaco::net {

std::string EncodeSetUserRequest(const server::SetUserRequest& request);
// The name is in the path. parse_failed, validation_failed.
absl::StatusOr<server::SetUserRequest> DecodeSetUserRequest(
    absl::string_view body);
std::string EncodeUserResponse(const server::UserResponse& response);
std::string EncodeUsers(const server::ListUsersResponse& response);
absl::StatusOr<server::ListUsersResponse> DecodeUsers(absl::string_view body);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_USER_JSON_H_
