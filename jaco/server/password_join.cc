#include "jaco/server/password_join.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/server/security/token.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kPurpose = "jaco join by password 1";

absl::Status Untrusted(absl::string_view why) {
  return MakeError(ErrorCode::kPeerUntrusted, why);
}

template <typename Message>
bool Parse(absl::string_view body, Message* message) {
  return body.size() <= std::numeric_limits<int>::max() &&
         message->ParseFromArray(body.data(), static_cast<int>(body.size()));
}

}  // namespace

std::string NewPasswordNonce(env::Entropy& entropy) {
  std::string nonce(kPasswordNonceBytes, '\0');
  entropy.Fill(
      absl::MakeSpan(reinterpret_cast<uint8_t*>(nonce.data()), nonce.size()));
  return nonce;
}

std::string ProofTranscript(const PasswordChallengeRequest& request,
                            const PasswordChallenge& challenge,
                            const PasswordProof& proof,
                            absl::string_view channel_binding) {
  return Transcript({kPurpose, request.user(), request.client_nonce(),
                     challenge.server_nonce(), challenge.salt(),
                     absl::StrCat(challenge.passes()),
                     absl::StrCat(challenge.memory_kib()), proof.node_name(),
                     proof.check_only() ? "check" : "join", channel_binding});
}

std::string VerdictTranscript(absl::string_view proof_transcript,
                              const PasswordVerdict& verdict) {
  return Transcript({proof_transcript, verdict.join_token(),
                     absl::StrCat(verdict.time_unix_ms())});
}

PasswordJoin::PasswordJoin(Options options, env::Entropy& entropy)
    : options_(std::move(options)) {
  request_.set_user(options_.user);
  request_.set_client_nonce(NewPasswordNonce(entropy));
}

PasswordJoin::~PasswordJoin() {
  std::fill(options_.password.begin(), options_.password.end(), '\0');
}

std::string PasswordJoin::Begin(absl::string_view channel_binding) {
  channel_binding_ = std::string(channel_binding);
  return request_.SerializeAsString();
}

absl::StatusOr<std::string> PasswordJoin::Answer(absl::string_view body) {
  PasswordChallenge challenge;
  if (!Parse(body, &challenge) ||
      challenge.server_nonce().size() != kPasswordNonceBytes ||
      challenge.passes() < options_.cost_min.passes ||
      challenge.memory_kib() < options_.cost_min.memory_kib) {
    return Untrusted("the peer asks for a proof as no member does");
  }
  auto keys = DerivePasswordKeys(options_.password, challenge.salt(),
                                 {challenge.passes(), challenge.memory_kib()});
  if (!keys.ok()) {
    return CodeOf(keys.status()) == ErrorCode::kValidationFailed
               ? Untrusted(keys.status().message())
               : keys.status();
  }
  keys_ = *std::move(keys);
  PasswordProof proof;
  proof.set_server_nonce(challenge.server_nonce());
  proof.set_node_name(options_.node_name);
  proof.set_check_only(options_.check_only);
  transcript_ = ProofTranscript(request_, challenge, proof, channel_binding_);
  proof.set_proof(MakePasswordProof(keys_, transcript_));
  return proof.SerializeAsString();
}

absl::Status PasswordJoin::Finish(absl::string_view body) {
  PasswordVerdict verdict;
  if (!Parse(body, &verdict) ||
      !EqualInConstantTime(
          Mac(keys_.server, VerdictTranscript(transcript_, verdict)),
          verdict.signature())) {
    return Untrusted(
        "the peer could not prove that it knows the user: it is not of the "
        "cluster, or somebody is in between");
  }
  verdict_ = std::move(verdict);
  return absl::OkStatus();
}

}  // namespace jaco::server
