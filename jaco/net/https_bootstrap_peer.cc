#include "jaco/net/https_bootstrap_peer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/http_client.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/host_port.h"

namespace jaco::net {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(3);
// A member goes through its cluster's log for one.
constexpr absl::Duration kJoinTokenTimeout = absl::Seconds(12);

absl::Status Unreachable(absl::string_view why) {
  return MakeError(ErrorCode::kPeerUnreachable, why);
}

absl::StatusOr<server::HelloResponse> Read(const HttpAnswer& answer) {
  if (answer.status / 100 == 2) {
    server::HelloResponse response;
    if (response.ParseFromString(answer.body)) return response;
    return Unreachable("the peer's answer is none");
  }
  const auto error = DecodeError(answer.body);
  if (!error.ok()) {
    return Unreachable(
        absl::StrCat("the peer answers with HTTP status ", answer.status));
  }
  return MakeError(
      ErrorCodeFromName(error->code).value_or(ErrorCode::kInternal),
      error->message);
}

absl::StatusOr<server::HelloResponse> Ask(const BootstrapPsk& psk,
                                          const std::string& address,
                                          const server::HelloRequest& request,
                                          const Interrupt& interrupt) {
  const auto target = ParseHostPort(address);
  if (!target.ok()) {
    return MakeError(ErrorCode::kValidationFailed, target.status().message());
  }
  const HttpRemote remote{.host = target->host,
                          .port = target->port,
                          .bootstrap_psk = &psk,
                          .interrupt = &interrupt};
  const bool slow = request.ask() == server::HelloRequest::JOIN_TOKEN;
  const auto answer = CallRemote(remote, "POST", "/v1/server/hello",
                                 request.SerializeAsString(),
                                 slow ? kJoinTokenTimeout : kTimeout);
  if (answer.ok()) return Read(*answer);
  if (CodeOf(answer.status()) == ErrorCode::kPeerUntrusted) {
    return answer.status();
  }
  return Unreachable(answer.status().message());
}

// As many as there may be addresses.
constexpr size_t kCallsMax = 64;

}  // namespace

HttpsBootstrapPeer::~HttpsBootstrapPeer() {
  interrupt_.Raise();
  for (auto& [number, thread] : threads_) thread.join();
}

void HttpsBootstrapPeer::Hello(const std::string& address,
                               server::HelloRequest request,
                               server::Reply<server::HelloResponse> reply) {
  if (threads_.size() >= kCallsMax) {
    return post_([reply = std::move(reply)]() mutable {
      reply(MakeError(ErrorCode::kRateLimited, "too many servers are asked"));
    });
  }
  const uint64_t number = ++calls_;
  threads_[number] =
      std::thread([this, number, address, request = std::move(request),
                   reply = std::move(reply)]() mutable {
        auto response = Ask(psk_, address, request, interrupt_);
        post_([this, number, reply = std::move(reply),
               response = std::move(response)]() mutable {
          threads_[number].join();
          threads_.erase(number);
          reply(std::move(response));
        });
      });
}

}  // namespace jaco::net
