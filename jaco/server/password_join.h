// Joining by a password instead of a token: both sides of the conversation that
// ends with a join token.

#ifndef JACO_SERVER_PASSWORD_JOIN_H_
#define JACO_SERVER_PASSWORD_JOIN_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/entropy.h"
#include "jaco/server/join_peer.h"
#include "jaco/server/password_join.pb.h"
#include "jaco/server/security/password.h"

namespace jaco::server {

inline constexpr size_t kPasswordNonceBytes = 32;
std::string NewPasswordNonce(env::Entropy& entropy);

// All that was said up to the proof: what the proof proves. Both sides make it
// of what they know; it is the same only if nobody is in between.
std::string ProofTranscript(const PasswordChallengeRequest& request,
                            const PasswordChallenge& challenge,
                            const PasswordProof& proof,
                            absl::string_view channel_binding);
// And what the signature signs.
std::string VerdictTranscript(absl::string_view proof_transcript,
                              const PasswordVerdict& verdict);

// What the joining server has to say.
class PasswordJoin final : public PasswordConversation {
 public:
  struct Options {
    std::string user;
    std::string password;
    std::string node_name;
    bool check_only = false;
    // A member that asks for less wants to guess.
    PasswordCost cost_min;
  };

  PasswordJoin(Options options, env::Entropy& entropy);
  ~PasswordJoin() override;

  std::string Begin(absl::string_view channel_binding) override;
  // peer_untrusted for a challenge that no member makes.
  absl::StatusOr<std::string> Answer(absl::string_view body) override;
  // peer_untrusted when the other side does not know what it would know of the
  // password, or is not at the other end of the connection.
  absl::Status Finish(absl::string_view body) override;

  // Once Finish was content.
  const PasswordVerdict& verdict() const { return verdict_; }

 private:
  Options options_;
  PasswordChallengeRequest request_;
  std::string channel_binding_;
  PasswordKeys keys_;
  std::string transcript_;
  PasswordVerdict verdict_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_PASSWORD_JOIN_H_
