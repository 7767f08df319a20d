// What a leader knows of one other server, and what it may send to it now.

#ifndef JACO_RAFT_PROGRESS_H_
#define JACO_RAFT_PROGRESS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "jaco/base/time.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// AppendEntries that were sent and not answered, oldest first.
class Inflights {
 public:
  // `last` is the index of the message's last entry; ascending.
  void Add(LogIndex last, size_t bytes);
  // Everything up to `index` has arrived.
  void FreeTo(LogIndex index);
  void Clear();

  bool empty() const { return window_.empty(); }
  size_t messages() const { return window_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Sent {
    LogIndex last;
    size_t bytes;
  };
  std::deque<Sent> window_;
  size_t bytes_ = 0;
};

struct Progress {
  enum class State {
    kProbe,  // looking for the end of the common prefix, a message at a time
    kReplicate,  // the prefix is known; entries are streamed ahead of answers
    kSnapshot,   // it needs entries that are compacted away: only heartbeats
  };

  NodeId id;
  // The configuration entry that made it a member: answers must name it.
  LogIndex session;
  // Out of the configuration; kept until it knows, so that it does not have to
  // guess why nobody talks to it any more.
  bool departing = false;
  // departing: the round of the message that told it; 0: not told yet.
  uint64_t told_round = 0;
  State state = State::kProbe;
  // The follower's log is durable and equal to ours up to here. Never falls.
  LogIndex match;
  // The next entry to send; always beyond `match`.
  LogIndex next;
  Inflights inflights;  // empty but in kReplicate
  // kProbe: entries are out; more wait for an answer. Should they be lost, the
  // answer to the next heartbeat, which has the same `previous`, is as good.
  bool probe_sent = false;
  // Something must go out even without entries: heartbeat, read round, commit.
  bool message_due = false;
  // kSnapshot: the driver is to be asked for a snapshot, or is to be asked
  // again at the next heartbeat.
  bool snapshot_due = false;
  bool snapshot_failed = false;
  // The highest of the leader's rounds that was answered.
  uint64_t acknowledged_round = 0;
  // When the last answer in this term arrived.
  Instant last_contact;
  // Until then, by our clock, it votes for nobody else (raft_lease.cc).
  Instant promised_until;
  // As it said last, and since when it could take over as the preferred leader.
  uint8_t priority = 0;
  std::optional<Instant> fit_since;
  // It has not answered for an election timeout: it may not know us any more.
  bool silent = false;
  // The commit index that was last sent.
  LogIndex commit_sent;

  // The follower has everything up to `index`.
  void OnAcknowledged(LogIndex index);
  // Forgets what was sent ahead and looks for the prefix from `next_index` on.
  void BecomeProbe(LogIndex next_index);
  // The log begins behind `start`, and the follower lacks something before
  // that. Ends when it acknowledges `start`, however it came by it.
  void BecomeSnapshot(LogIndex start);
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_PROGRESS_H_
