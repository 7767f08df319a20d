// Both sides of a join: the member that admits, the server that is admitted.

#ifndef JACO_SERVER_JOIN_SERVICE_H_
#define JACO_SERVER_JOIN_SERVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/server/api.h"
#include "jaco/server/certificates.h"
#include "jaco/server/node.h"

namespace jaco::server {

// What an operator carries from a member to the joining server, as
// "<secret>.<fingerprint>": the secret as an operator's token, and the
// fingerprint of the cluster's authority, by which the joining server knows
// whom to tell the secret.
struct JoinToken {
  std::string secret;
  std::string fingerprint;

  std::string Text() const;
  // join_token_invalid, without a word of the text.
  static absl::StatusOr<JoinToken> Parse(absl::string_view text);
};

class JoinService {
 public:
  static constexpr absl::Duration kTokenLife = absl::Hours(24);

  JoinService(Node* node, Certificates* certificates)
      : node_(node), certificates_(certificates) {}

  // See Api.
  void IssueToken(const Caller& caller, IssueJoinTokenRequest request,
                  Reply<IssueJoinTokenResponse> reply);
  void Admit(const Caller& caller, AdmitRequest request,
             Reply<AdmitResponse> reply);
  void Join(const Caller& caller, JoinRequest request,
            Reply<JoinResponse> reply);
  // This server is on its way into a cluster.
  bool joining() const { return joining_; }

 private:
  struct Joining;

  absl::Status CheckMayJoin() const;
  void OnAdmitted(std::shared_ptr<Joining> joining,
                  absl::StatusOr<AdmitResponse> admitted);
  absl::StatusOr<Secrets> Accept(const Joining& joining,
                                 const AdmitResponse& admitted) const;

  Node* const node_;
  Certificates* const certificates_;
  bool joining_ = false;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_JOIN_SERVICE_H_
