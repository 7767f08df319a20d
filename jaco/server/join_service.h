// Both sides of a join: the member that admits, the server that is admitted.

#ifndef JACO_SERVER_JOIN_SERVICE_H_
#define JACO_SERVER_JOIN_SERVICE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/base/time.h"
#include "jaco/env/event_loop.h"
#include "jaco/server/api.h"
#include "jaco/server/bootstrap_record.h"
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
  // Whether `refusal`, of a join, says that the cluster does not take the token
  // from this server again.
  static bool IsSpent(const absl::Status& refusal);
  // Whether `refusal`, of a join with a token of an earlier attempt through a
  // member that can give another one, is no matter of patience: the token is
  // spent, or it is of another cluster, or of an authority that was replaced.
  static bool IsOutdated(const absl::Status& refusal);
};

class JoinService {
 public:
  static constexpr absl::Duration kTokenLife = absl::Hours(24);

  JoinService(Node* node, Certificates* certificates)
      : node_(node), certificates_(certificates) {}

  ~JoinService() { node_->env().loop->Cancel(timer_); }

  // How soon a server that was admitted and has heard nothing since asks again,
  // and, after ever longer times, how often.
  static constexpr Duration kAskFirst = Seconds(5);
  static constexpr Duration kAskMax = Seconds(60);

  // Once the node has started.
  void Start();
  // For people: what a server waits for that was admitted and has heard from no
  // leader yet. Else empty.
  std::string progress() const;

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
  void BeginJoin(const std::string& peer, JoinToken token,
                 Reply<JoinResponse> reply);
  // Whether this server is the node `id` already.
  bool IsSelf(raft::NodeId id) const;
  // Has this server admitted with `token`, as the node that it makes it.
  void Ask(const std::string& peer, JoinToken token, Reply<JoinResponse> reply);
  void OnAdmitted(std::shared_ptr<Joining> joining,
                  absl::StatusOr<AdmitResponse> admitted);
  absl::StatusOr<Secrets> Accept(const Joining& joining,
                                 const AdmitResponse& admitted) const;
  void TakeUp(std::shared_ptr<Joining> joining, Secrets secrets);

  // join_newcomer.cc.
  void Watch(BootstrapRecord record, Duration first);
  void Arm(Duration wait);
  void Review();
  void OnAsked(const absl::StatusOr<JoinResponse>& answer);
  void Report(const absl::Status& status);
  void ForgetRecord();
  void JoinAgain(std::string peer, JoinToken fresh, Reply<JoinResponse> reply);

  Node* const node_;
  Certificates* const certificates_;
  bool joining_ = false;             // somebody else asked for it
  bool asking_ = false;              // by ourselves, once more
  absl::AnyInvocable<void()> next_;  // what came meanwhile
  // How this server was admitted, until it has heard from a leader.
  std::optional<BootstrapRecord> record_;
  Duration pause_;
  env::TimerId timer_ = 0;
  std::string progress_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_JOIN_SERVICE_H_
