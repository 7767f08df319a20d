#include "jaco/net/sansio/user_json.h"

#include <boost/json.hpp>
#include <utility>

#include "jaco/net/sansio/json_fields.h"

namespace jaco::net {

namespace json = boost::json;

std::string EncodeSetUserRequest(const server::SetUserRequest& request) {
  return json::serialize(json::object{{"password", Text(request.password)}});
}

absl::StatusOr<server::SetUserRequest> DecodeSetUserRequest(
    absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(*object, {"password"});
  server::SetUserRequest request;
  status.Update(ReadString(*object, "password", &request.password));
  if (!status.ok()) return status;
  return request;
}

std::string EncodeUserResponse(const server::UserResponse& response) {
  return json::serialize(json::object{{"index", response.index}});
}

std::string EncodeUsers(const server::ListUsersResponse& response) {
  json::array users;
  for (const server::UserInfo& user : response.users) {
    users.push_back(json::object{{"name", Text(user.name)},
                                 {"create_index", user.create_index},
                                 {"modify_index", user.modify_index}});
  }
  return json::serialize(
      json::object{{"users", std::move(users)}, {"index", response.index}});
}

absl::StatusOr<server::ListUsersResponse> DecodeUsers(absl::string_view body) {
  return DecodeResponse<server::ListUsersResponse>(
      body, [](ResponseReader& reader) {
        server::ListUsersResponse response;
        reader.Objects("users", [&](ResponseReader& user) {
          response.users.push_back({user.String("name"),
                                    user.Number("create_index"),
                                    user.Number("modify_index")});
        });
        response.index = reader.Number("index");
        return response;
      });
}

}  // namespace jaco::net
