// Operators with passwords, and servers that join by one.

#include <string>
#include <utility>

#include "jaco/base/error.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/api_router_call.h"
#include "jaco/net/sansio/bootstrap_json.h"
#include "jaco/net/sansio/user_json.h"
#include "jaco/server/password_join.pb.h"
#include "jaco/server/user_api.h"

namespace jaco::net {
namespace {

// Between servers: as bytes.
template <typename Response>
server::Reply<Response> AsBytes(HttpReply reply) {
  return [reply = std::move(reply)](
             const absl::StatusOr<Response>& response) mutable {
    if (!response.ok()) return reply(ErrorResponse(response.status()));
    reply({.body = response->SerializeAsString(),
           .content_type = "application/octet-stream"});
  };
}

absl::Status NotParsed() {
  return MakeError(ErrorCode::kParseFailed, "the body is no such message");
}

}  // namespace

void ApiRouter::ListNodes(Call call) {
  call.reply({.body = EncodeNodes(api_->Status())});
}

void ApiRouter::ListUsers(Call call) {
  api_->users().ListUsers(call.caller,
                          Encoded(std::move(call.reply), EncodeUsers));
}

void ApiRouter::SetUser(Call call) {
  auto request = DecodeSetUserRequest(call.body);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  request->name = std::move(call.argument);
  api_->users().SetUser(call.caller, *std::move(request),
                        Encoded(std::move(call.reply), EncodeUserResponse));
}

void ApiRouter::RemoveUser(Call call) {
  api_->users().RemoveUser(call.caller, {std::move(call.argument)},
                           Encoded(std::move(call.reply), EncodeUserResponse));
}

void ApiRouter::Challenge(Call call) {
  server::PasswordChallengeRequest request;
  if (!request.ParseFromArray(call.body.data(),
                              static_cast<int>(call.body.size()))) {
    return call.reply(ErrorResponse(NotParsed()));
  }
  api_->users().Challenge(
      call.caller, std::move(request),
      AsBytes<server::PasswordChallenge>(std::move(call.reply)));
}

void ApiRouter::Prove(Call call) {
  server::PasswordProof request;
  if (!request.ParseFromArray(call.body.data(),
                              static_cast<int>(call.body.size()))) {
    return call.reply(ErrorResponse(NotParsed()));
  }
  api_->users().Prove(call.caller, std::move(request),
                      AsBytes<server::PasswordVerdict>(std::move(call.reply)));
}

}  // namespace jaco::net
