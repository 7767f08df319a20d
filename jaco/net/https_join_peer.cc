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
  if (thread_.joinable()) thread_.join();
  if (conversation_.joinable()) conversation_.join();
}

void HttpsJoinPeer::Converse(
    const std::string& peer,
    std::shared_ptr<server::PasswordConversation> conversation,
    absl::AnyInvocable<void(absl::Status)> done) {
  if (conversation_.joinable()) conversation_.join();
  conversation_ =
      std::thread([this, peer, conversation = std::move(conversation),
                   done = std::move(done)]() mutable {
        absl::Status said = Talk(peer, interrupt_, *conversation);
        post_([done = std::move(done), said = std::move(said)]() mutable {
          done(std::move(said));
        });
      });
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
    auto response =
        Ask(peer, authority_fingerprint, join_token, request, interrupt_);
    post_([reply = std::move(reply), response = std::move(response)]() mutable {
      reply(std::move(response));
    });
  });
}

}  // namespace jaco::net
