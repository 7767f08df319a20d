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

// Why a member's API refuses.
absl::Status Refusal(const HttpAnswer& answer) {
  const auto error = DecodeError(answer.body);
  if (!error.ok()) {
    return MakeError(
        ErrorCode::kPeerUnreachable,
        absl::StrCat("the peer answers with HTTP status ", answer.status));
  }
  return MakeError(
      ErrorCodeFromName(error->code).value_or(ErrorCode::kInternal),
      error->message);
}

absl::StatusOr<server::AdmitResponse> Read(const HttpAnswer& answer) {
  if (answer.status / 100 == 2) return DecodeAdmitResponse(answer.body);
  absl::Status refusal = Refusal(answer);
  // To the member it is just a bearer's token.
  if (CodeOf(refusal) != ErrorCode::kTokenInvalid) return refusal;
  return MakeError(ErrorCode::kJoinTokenInvalid,
                   "the peer does not know the join token");
}

// Both requests, over one connection.
absl::Status Talk(const std::string& peer, const Interrupt& interrupt,
                  server::PasswordConversation& conversation) {
  const auto target = ParseHostPort(peer);
  if (!target.ok()) {
    return MakeError(ErrorCode::kValidationFailed, target.status().message());
  }
  absl::Status verdict;
  const absl::Status reached = TalkToAnybody(
      {.host = target->host, .port = target->port, .interrupt = &interrupt},
      kAnswerTimeout,
      [&](absl::string_view channel_binding, Post post) -> absl::Status {
        const auto challenge =
            post("/v1/server/challenge", conversation.Begin(channel_binding));
        if (!challenge.ok()) return challenge.status();
        if (challenge->status != 200) verdict = Refusal(*challenge);
        if (!verdict.ok()) return absl::OkStatus();
        const auto proof = conversation.Answer(challenge->body);
        verdict = proof.status();
        if (!verdict.ok()) return absl::OkStatus();
        const auto answer = post("/v1/server/prove", *proof);
        if (!answer.ok()) return answer.status();
        verdict = answer->status == 200 ? conversation.Finish(answer->body)
                                        : Refusal(*answer);
        return absl::OkStatus();
      });
  return reached.ok() ? verdict : Unreachable(reached);
}

absl::StatusOr<server::AdmitResponse> Ask(const std::string& peer,
                                          const std::string& fingerprint,
                                          const std::string& join_token,
                                          const server::AdmitRequest& request,
                                          const Interrupt& interrupt) {
  const auto address = ApiAddress(peer);
  if (!address.ok()) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("peer: ", address.status().message()));
  }
  const auto target = ParseHostPort(*address);
  HttpRemote remote{
      .host = target->host, .port = target->port, .interrupt = &interrupt};
  auto authority = FindAuthority(remote, fingerprint, kHandshakeTimeout);
  if (!authority.ok()) return Unreachable(authority.status());
  remote.authorities = *std::move(authority);
  remote.token = join_token;
  const auto answer = CallRemote(remote, "POST", "/v1/node/admit",
                                 EncodeAdmitRequest(request), kAnswerTimeout);
  if (!answer.ok()) return Unreachable(answer.status());
  return Read(*answer);
}

}  // namespace

HttpsJoinPeer::~HttpsJoinPeer() {
  interrupt_.Raise();
  for (auto& [number, thread] : threads_) thread.join();
}

// On the loop nobody waits for a thread that has not said that it is through.
template <typename Answer, typename Call>
void HttpsJoinPeer::Start(Call call, absl::AnyInvocable<void(Answer)> reply) {
  if (threads_.size() >= kCallsMax) {
    return post_([reply = std::move(reply)]() mutable {
      reply(MakeError(ErrorCode::kRateLimited,
                      "too many servers are asked at once"));
    });
  }
  const uint64_t number = ++calls_;
  threads_[number] = std::thread([this, number, call = std::move(call),
                                  reply = std::move(reply)]() mutable {
    post_([this, number, reply = std::move(reply), answer = call()]() mutable {
      threads_[number].join();
      threads_.erase(number);
      reply(std::move(answer));
    });
  });
}

void HttpsJoinPeer::Converse(
    const std::string& peer,
    std::shared_ptr<server::PasswordConversation> conversation,
    absl::AnyInvocable<void(absl::Status)> done) {
  Start<absl::Status>(
      [this, peer, conversation = std::move(conversation)] {
        return Talk(peer, interrupt_, *conversation);
      },
      std::move(done));
}

void HttpsJoinPeer::Admit(const std::string& peer,
                          const std::string& authority_fingerprint,
                          const std::string& join_token,
                          server::AdmitRequest request,
                          server::Reply<server::AdmitResponse> reply) {
  Start<absl::StatusOr<server::AdmitResponse>>(
      [this, peer, authority_fingerprint, join_token,
       request = std::move(request)] {
        return Ask(peer, authority_fingerprint, join_token, request,
                   interrupt_);
      },
      std::move(reply));
}

}  // namespace jaco::net
