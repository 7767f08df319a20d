// Clients: each does one operation after another against servers of the
// cluster, tells the history what it saw, and tries again where it has to.

#ifndef JACO_SIM_WORKLOAD_H_
#define JACO_SIM_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/server/api.h"
#include "jaco/sim/checkers/state_limits.h"
#include "jaco/sim/checkers/token_history.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/world.h"

namespace jaco::sim {

class Workload {
 public:
  // A client gives an operation up after so many attempts.
  static constexpr int kAttemptsMax = 40;

  // `world` outlives the workload.
  Workload(World& world, uint64_t seed);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  // Clients finish what they are at and begin nothing new.
  void Finish() { finishing_ = true; }
  // Nothing is under way: no operation, and no call that a server has yet to
  // answer, be it that its client has long given it up.
  bool Idle() const;
  // One client issues one more token, or lists all; done when Idle.
  void IssueOneMore();
  void ListOnceMore();

  const TokenHistory& history() const { return history_; }
  TokenHistory& history() { return history_; }
  // The tokens that were handed out.
  struct Secret {
    TokenHistory::Identity identity;
    std::string token;
  };
  const std::vector<Secret>& secrets() const { return secrets_; }
  uint64_t calls() const { return calls_.size(); }
  // Operations that ended with a definite answer.
  uint64_t completed() const { return completed_; }
  // For a message about what is still under way.
  std::string Unfinished() const;

 private:
  enum class OpKind : uint8_t { kIssue, kRevoke, kList, kBackup };
  using CallNumber = uint32_t;
  static constexpr CallNumber kNoCall = ~CallNumber{0};

  struct Client {
    explicit Client(Prng stream) : prng(stream) {}
    Prng prng;
    NodeNumber server = 1;  // where it asks first
    bool busy = false;
    OpKind kind = OpKind::kList;
    TokenHistory::Identity identity = 0;
    int attempts = 0;
    CallNumber call = kNoCall;  // the present attempt
    EventId timeout = 0;
  };
  // One attempt at one server.
  struct Call {
    uint32_t client;
    OpKind kind;
    NodeNumber server;
    TokenHistory::Identity identity;
    bool open = false;  // a server owes an answer
    Moment called = 0;
  };

  void Rest(uint32_t client);
  void BeginOperation(uint32_t client);
  void Begin(uint32_t client);
  void Attempt(uint32_t client);
  void MakeCall(CallNumber number);
  void CallIssue(CallNumber number);
  void CallRevoke(CallNumber number);
  void CallList(CallNumber number);
  void CallBackup(CallNumber number);
  template <typename Response>
  server::Reply<Response> ReplyTo(CallNumber number) {
    return [this, number](absl::StatusOr<Response> response) {
      OnReply(number, response);
    };
  }
  template <typename Response>
  void OnReply(CallNumber number, const absl::StatusOr<Response>& response);
  void OnResponse(const Call& call, const server::IssueTokenResponse& response);
  void OnResponse(const Call& call,
                  const server::RevokeTokenResponse& response);
  void OnResponse(const Call& call, const server::ListTokensResponse& response);
  void OnResponse(const Call& call, const server::ArchiveResponse& response);
  // Whether the error is an answer: trying again makes no sense.
  bool OnError(const Call& call, const absl::Status& status);
  // The client hears nothing definite of its present attempt.
  void Retry(uint32_t client);
  void EndOperation(uint32_t client);
  void OnDown(NodeNumber server);
  Moment Now() const { return world_.trace().events(); }

  World& world_;
  const EventOwner owner_;
  const Duration pause_;
  const Duration timeout_;
  TokenHistory history_{kStateLimits.revoked_tokens};
  std::vector<Secret> secrets_;
  std::vector<Client> clients_;
  std::vector<Call> calls_;
  uint64_t open_calls_ = 0;
  uint64_t completed_ = 0;
  bool finishing_ = false;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_WORKLOAD_H_
