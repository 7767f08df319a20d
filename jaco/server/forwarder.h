// Takes proposals of a follower's clients to the leader, and back what became
// of them. Every frame may be lost, late or doubled: nothing is proposed twice,
// and what is not heard of in time ends with `timeout`.

#ifndef JACO_SERVER_FORWARDER_H_
#define JACO_SERVER_FORWARDER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/base/time.h"
#include "jaco/env/environment.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/types.h"
#include "jaco/server/forward_codec.h"

namespace jaco::server {

// A command that was committed and applied.
struct Applied {
  raft::LogIndex index;
  fsm::ApplyResult result;
};
using ProposeDone = absl::AnyInvocable<void(absl::StatusOr<Applied>)>;

// Which requests of one sender were seen: each is let through once.
class SeenRequests {
 public:
  // Remembers at most so many; what is further behind counts as seen.
  static constexpr uint64_t kWindow = 4096;

  // Whether this is the first time.
  bool Insert(uint64_t sequence);

 private:
  uint64_t floor_ = 0;  // everything up to here was seen, or is too old
  std::set<uint64_t> above_;
};

// Loop thread.
class Forwarder {
 public:
  // Commands under way to a leader, in number and bytes; beyond either
  // `rate_limited`.
  static constexpr size_t kPendingMax = 4096;
  static constexpr size_t kPendingBytesMax = size_t{16} << 20;

  struct Hooks {
    absl::AnyInvocable<void(raft::NodeId, env::FramePtr)> send;
    // The leadership of this server; 0 when it does not lead.
    absl::AnyInvocable<raft::Term()> leadership;
    // See Replica::Propose.
    absl::AnyInvocable<void(std::string, ProposeDone)> propose;
    // Answers a call; with index 0.
    absl::AnyInvocable<void(std::string, ProposeDone)> serve;
    // Who may propose here; null: everybody.
    absl::AnyInvocable<bool(raft::NodeId)> is_member;
    // The first says where a member is, perhaps itself.
    absl::AnyInvocable<void(raft::NodeId, ForwardAddress)> learn;
  };

  Forwarder(const env::Environment& environment, uint64_t incarnation,
            Duration patience, Hooks hooks);
  ~Forwarder() { Stop(); }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // `done` runs with what the leader says, later. rate_limited; timeout: the
  // outcome is not known.
  void Forward(raft::NodeId leader, raft::Term term, std::string command,
               ProposeDone done);
  // The same for what the leader does or knows outside of the log. It is served
  // once at most.
  void ForwardCall(raft::NodeId leader, raft::Term term, std::string call,
                   ProposeDone done);

  // An error for a frame that cannot be read.
  absl::Status OnFrame(raft::NodeId from, absl::string_view frame);
  // What is under way to `node` may have been lost.
  void OnPeerDown(raft::NodeId node);
  // There is a leader of `term`: those of earlier terms will not answer, or say
  // nothing that can be relied on any sooner than a new attempt.
  void OnLeader(raft::Term term);
  // What is under way ends with `timeout`.
  void GiveUp();
  // Nothing is answered any more.
  void Stop();

 private:
  struct Pending {
    raft::NodeId leader;
    raft::Term term;
    Instant deadline;
    size_t bytes = 0;
    ProposeDone done;
  };

  void Send(raft::NodeId leader, ForwardRequest request, ProposeDone done);
  void Handle(raft::NodeId from, ForwardRequest request);
  void Handle(raft::NodeId from, ForwardResponse response);
  void Handle(raft::NodeId from, ForwardAddress address);
  void Answer(raft::NodeId to, ForwardResponse response);
  void GiveUpIf(absl::FunctionRef<bool(const Pending&)> lost);
  bool IsNew(raft::NodeId from, const ForwardRequest& request);
  void ArmTimer();
  void OnTimer();

  // A process of some node.
  struct Sender {
    uint64_t incarnation;
    SeenRequests requests;
  };

  const env::Environment env_;
  const uint64_t incarnation_;
  const Duration patience_;
  Hooks hooks_;
  uint64_t sequence_ = 0;
  std::map<uint64_t, Pending> pending_;  // by sequence, so also by deadline
  size_t pending_bytes_ = 0;
  env::TimerId timer_ = 0;

  raft::Term seen_in_;  // the leadership that `seen_` is of
  std::map<raft::NodeId, std::deque<Sender>> seen_;  // the newest last
};

}  // namespace jaco::server

#endif  // JACO_SERVER_FORWARDER_H_
