// bootstrap_expect and retry_join: servers without a cluster find each other,
// agree on the one that founds it, and the others join it. The rules and why
// they are safe: docs/decisions/0015-bootstrap-expect.md.

#ifndef JACO_SERVER_BOOTSTRAP_SERVICE_H_
#define JACO_SERVER_BOOTSTRAP_SERVICE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/base/prng.h"
#include "jaco/net/sansio/failure_limiter.h"
#include "jaco/server/api.h"
#include "jaco/server/bootstrap.pb.h"
#include "jaco/server/bootstrap_contacts.h"
#include "jaco/server/bootstrap_peer.h"
#include "jaco/server/cluster_service.h"
#include "jaco/server/join_service.h"
#include "jaco/server/node.h"

namespace jaco::server {

// Loop thread.
class BootstrapService {
 public:
  // From something new to the round that looks at it.
  static constexpr Duration kSoon = Milliseconds(20);
  // Join tokens for one address: a server needs one to join, perhaps another
  // after a crash. Less than ClusterState::kJoinTokensMax in a token's life.
  static constexpr net::FailureLimits kTokenLimits{.burst = 32,
                                                   .recovery = Seconds(120)};
  // So many pauses between rounds those with the next id wait for the one with
  // the lowest to found, and so on.
  static constexpr int kTurnRounds = 5;

  BootstrapService(Node* node, ClusterService* cluster, JoinService* joins);

  // Once the node has started. Does nothing unless the options ask for it.
  void Start();

  // See Api.
  void Hello(const Caller& caller, HelloRequest request,
             Reply<HelloResponse> reply);
  void JoinServers(JoinServersRequest request,
                   Reply<JoinServersResponse> reply);

  // conflict once this server has a part in an agreement on who founds,
  // no_leader before it knows whether, data_loss if that cannot be known.
  absl::Status CheckMayInit() const;
  // How far it is, for people; empty unless it takes part.
  const std::string& progress() const { return progress_; }

 private:
  using Done = absl::AnyInvocable<void(absl::Status)>;
  using Answers = std::vector<HelloResponse>;
  struct Poll;
  struct Attempt;
  struct JoinPoll {
    size_t waiting;
    JoinServersResponse response;
    Reply<JoinServersResponse> reply;
  };

  const BootstrapOptions& options() const { return node_->options().bootstrap; }
  // Whether this server looks for a cluster.
  bool Active() const;
  BootstrapContacts::Self Ourselves(uint64_t id) const;

  bool MayGoOn(const Attempt& attempt, const Answers& answers) const;
  void OnLoaded(absl::StatusOr<std::optional<BootstrapRecord>> loaded);
  void Store(Done done);
  void Forget();
  void Report(absl::string_view progress, LogLevel level = LogLevel::kInfo);

  // As the one that is asked.
  void AnswerAsMember(const Caller& caller, const HelloRequest& request,
                      Reply<HelloResponse> reply);
  absl::Status CountToken(const Caller& caller);
  void AnswerAsFresh(const HelloRequest& request, Reply<HelloResponse> reply);
  absl::Status CheckMayVote(const HelloRequest& request) const;
  HelloResponse Describe() const;
  void OnJoinAnswer(const std::string& address,
                    const absl::StatusOr<HelloResponse>& answer,
                    JoinPoll& poll);

  // As the one that asks. A round asks every address that is due, and does what
  // follows from the answers.
  void BeginRound();
  void Rest();
  void Wake();
  HelloRequest Request(HelloRequest::Ask ask) const;
  void AskAll(const std::vector<std::string>& addresses,
              const HelloRequest& request,
              absl::AnyInvocable<void(const Answers&)> then);
  void Hear(const std::string& address,
            const absl::StatusOr<HelloResponse>& answer);
  void Decide();
  void DecideWhoFounds(std::optional<Instant> complete_since);
  bool IsOurTurn(const std::map<uint64_t, std::string>& fresh) const;
  // `then` runs when what is known is durable; else the round ends.
  void Remember(absl::AnyInvocable<void()> then);
  // How many servers have to agree, this one included.
  size_t needed() const {
    return std::max<size_t>(options().expect, contacts_.known() / 2 + 1);
  }
  std::string Waiting(size_t here) const;
  void Propose();
  void OnPromises(std::shared_ptr<Attempt> attempt, const Answers& answers);
  void AskToAccept(std::shared_ptr<Attempt> attempt);
  void OnAccepted(const Attempt& attempt, const Answers& answers);
  void Found();
  void OnFounded();
  void JoinCluster(const std::vector<std::string>& members);
  void JoinThrough(const std::string& member);
  void ForgetToken();
  void OnNotJoined(const absl::Status& why);

  Node* const node_;
  ClusterService* const cluster_;
  JoinService* const joins_;
  net::FailureLimiter tokens_{kTokenLimits};
  BootstrapContacts contacts_;
  BootstrapRecord record_;  // as it is on disk, or is about to be
  bool loaded_ = false;
  absl::Status unknown_;  // not OK: why what is on disk is not known
  bool busy_ = false;     // a round is under way
  bool again_ = false;
  bool joining_ = false;
  size_t joins_tried_ = 0;
  // Since when enough servers have been here, and nobody is accepted.
  std::optional<Instant> complete_since_;
  // What of `contacts_` is on disk.
  std::map<std::string, uint64_t> remembered_;
  std::vector<std::string> durable_;
  env::TimerId timer_ = 0;
  Prng prng_{0};
  std::string progress_;
  // What the log said last of each kind: failures are repeated for as long as
  // they last.
  std::string said_, warned_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_BOOTSTRAP_SERVICE_H_
