// The consensus core: a pure function of (state, input, now) with one pulled
// output. It knows no clock, thread, socket, file or allocator of its own; the
// same object runs in jacod and in the simulator.
//
// Use:
//   raft.Step(now, from, message);          // any input ...
//   if (raft.HasReady()) {
//     Ready ready = raft.TakeReady();       // ... then act on all of this:
//     // send messages, write `persist`, apply `committed`, answer `reads`,
//     // call OnDeadline at `deadline`, OnPersisted when a write is durable.
//   }
//
// Time: `now` never goes back from call to call. Not thread-safe.

#ifndef JACO_RAFT_RAFT_H_
#define JACO_RAFT_RAFT_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/raft/log.h"
#include "jaco/raft/message.h"
#include "jaco/raft/progress.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

struct Options {
  NodeId id;
  // A follower that hears nothing for a time drawn from
  // [election_timeout, 2 * election_timeout) starts a pre-vote. A leader that
  // hears from no quorum for election_timeout steps down (CheckQuorum, §6.2),
  // and a follower that heard from a leader within election_timeout refuses
  // (pre-)votes (§4.2.3).
  Duration election_timeout = Milliseconds(1000);
  Duration heartbeat_interval = Milliseconds(100);
  // Limits of one AppendEntries, and of what is in flight to one follower.
  size_t append_entries_max = 1024;
  size_t append_bytes_max = size_t{1} << 20;
  size_t inflight_messages_max = 64;
  size_t inflight_bytes_max = size_t{8} << 20;
  // Entries proposed and not yet committed; beyond either limit Propose answers
  // kRateLimited.
  size_t uncommitted_entries_max = 16384;
  size_t uncommitted_bytes_max = size_t{64} << 20;
  // One command; beyond it Propose answers kTooLarge.
  size_t command_bytes_max = size_t{4} << 20;
};

// What stable storage and the state machine say after a restart.
struct RestoredState {
  HardState hard_state;
  // The log is `log_start` (compacted away, or {0, 0}) followed by `entries`.
  EntryId log_start;
  Configuration configuration; // as of log_start; empty for a fresh log
  std::vector<EntryPtr> entries;
  // Known committed and contained in the state machine.
  LogIndex applied;
};

class Raft {
public:
  // `prng` jitters election timeouts: give every server a different seed.
  Raft(const Options &options, RestoredState restored, Prng prng, Instant now);
  ~Raft();
  Raft(const Raft &) = delete;
  Raft &operator=(const Raft &) = delete;

  // A message from `from`, whose identity the transport vouches for. Messages
  // of earlier terms, from strangers, repeated, late or out of order do no
  // harm.
  void Step(Instant now, NodeId from, Message message);

  // Appends a command to the log of the leader and returns its id: it is
  // committed exactly if an entry with that id is among `committed`. Errors:
  // no_leader (not the leader), rate_limited, too_large.
  absl::StatusOr<EntryId> Propose(Instant now, std::string command);

  // Asks for the index that a linearizable read must wait for (§6.4). Answered
  // in Ready.reads, at once with no_leader when this server does not lead.
  void RequestRead(Instant now, ReadId id);

  // Time has reached Ready.deadline. Early or spurious calls do no harm.
  void OnDeadline(Instant now);

  // Every write up to and including `upto` is durable.
  void OnPersisted(Instant now, PersistId upto);

  // The state machine contains everything up to `upto`.
  void OnApplied(Instant now, LogIndex upto);

  // True when TakeReady would return something to do or the deadline moved.
  bool HasReady() const;
  Ready TakeReady();

  NodeId id() const { return options_.id; }
  Term term() const { return hard_state_.term; }
  Role role() const { return role_; }
  NodeId leader() const { return leader_; }
  LogIndex commit() const { return commit_; }
  LogIndex applied() const { return applied_; }
  EntryId last() const { return log_.last(); }
  LogIndex durable() const { return durable_; }
  const HardState &hard_state() const { return hard_state_; }
  const Log &log() const { return log_; }
  const Configuration &configuration() const;
};

} // namespace jaco::raft

#endif // JACO_RAFT_RAFT_H_
