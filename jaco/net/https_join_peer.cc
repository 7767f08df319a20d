#include "jaco/net/https_join_peer.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/http_client.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/host_port.h"

namespace jaco::net {
namespace {

constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);
constexpr absl::Duration kAnswerTimeout = absl::Seconds(20);

absl::Status Unreachable(const absl::Status& status) {
  if (CodeOf(status) == ErrorCode::kPeerUntrusted) return status;
  return MakeError(ErrorCode::kPeerUnreachable, status.message());
}

// What a member's API answered.
absl::StatusOr<server::AdmitResponse> Read(const HttpAnswer& answer) {
  if (answer.status / 100 == 2) return DecodeAdmitResponse(answer.body);
  const auto error = DecodeError(answer.body);
  if (!error.ok()) {
    return MakeError(
        ErrorCode::kPeerUnreachable,
        absl::StrCat("the peer answers with HTTP status ", answer.status));
  }
  const auto code = ErrorCodeFromName(error->code);
  // To the member it is just a bearer's token.
  if (code == ErrorCode::kTokenInvalid) {
    return MakeError(ErrorCode::kJoinTokenInvalid,
                     "the peer does not know the join token");
  }
  return MakeError(code.value_or(ErrorCode::kInternal), error->message);
}

absl::StatusOr<server::AdmitResponse> Ask(const std::string& peer,
                                          const std::string& fingerprint,
                                          const std::string& join_token,
                                          const server::AdmitRequest& request) {
  const auto address = ApiAddress(peer);
  if (!address.ok()) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("peer: ", address.status().message()));
  }
  const auto target = ParseHostPort(*address);
  auto authority =
      FindAuthority(target->host, target->port, fingerprint, kHandshakeTimeout);
  if (!authority.ok()) return Unreachable(authority.status());
  const HttpRemote remote{.host = target->host,
                          .port = target->port,
                          .authorities = *std::move(authority),
                          .token = join_token};
  const auto answer = CallRemote(remote, "POST", "/v1/node/admit",
                                 EncodeAdmitRequest(request), kAnswerTimeout);
  if (!answer.ok()) return Unreachable(answer.status());
  return Read(*answer);
}

}  // namespace

HttpsJoinPeer::~HttpsJoinPeer() {
  if (thread_.joinable()) thread_.join();
}

void HttpsJoinPeer::Admit(const std::string& peer,
                          const std::string& authority_fingerprint,
                          const std::string& join_token,
                          server::AdmitRequest request,
                          server::Reply<server::AdmitResponse> reply) {
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this, peer, authority_fingerprint, join_token,
                         request = std::move(request),
                         reply = std::move(reply)]() mutable {
    auto response = Ask(peer, authority_fingerprint, join_token, request);
    post_([reply = std::move(reply), response = std::move(response)]() mutable {
      reply(std::move(response));
    });
  });
}

}  // namespace jaco::net
