// What the core wants done. All of it may start at once and in any order.

#ifndef JACO_RAFT_READY_H_
#define JACO_RAFT_READY_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "jaco/base/time.h"
#include "jaco/raft/message.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

enum class Role { kFollower, kPreCandidate, kCandidate, kLeader };

struct OutgoingMessage {
  NodeId to;
  Message message;
};

// Where a log begins: behind `last`, with this configuration in force there.
struct LogStart {
  EntryId last;
  Configuration configuration;

  friend bool operator==(const LogStart&, const LogStart&) = default;
};

// One numbered write to stable storage. Writes take effect in the order of
// their ids; a write is durable only together with all before it. Several may
// be merged into one.
struct Persist {
  PersistId id;
  std::optional<HardState> hard_state;
  // Not empty: the log ends right before the first of these and then has them:
  // what stood at or after that index before is gone.
  std::vector<EntryPtr> entries;
  // The log now begins here and everything that it held is gone; `entries` come
  // behind it.
  std::optional<LogStart> log_start;
};

// The answer to one RequestRead.
struct ReadResult {
  ReadId id;
  // OK: serve the read once the state machine has applied `index`. Otherwise
  // the error, `no_leader` or `rate_limited`; ask again.
  absl::Status status;
  LogIndex index;
};

// A follower that needs what is compacted away. Asked for once, until
// Raft::OnSnapshotSent or OnSnapshotFailed says what came of it.
struct SnapshotToSend {
  NodeId to;
  LogIndex session;  // handed back to OnSnapshotSent

  friend bool operator==(const SnapshotToSend&,
                         const SnapshotToSend&) = default;
};

// Where the server stands after a change of any of the three.
struct RoleChange {
  Term term;
  Role role = Role::kFollower;
  NodeId leader;  // kNoNode when unknown

  friend bool operator==(const RoleChange&, const RoleChange&) = default;
};

struct Ready {
  std::vector<OutgoingMessage> messages;
  std::optional<Persist> persist;
  // Committed and locally durable entries, in order, each exactly once. When
  // there are many, HasReady() stays true and the rest comes with the next.
  std::vector<EntryPtr> committed;
  std::vector<ReadResult> reads;
  std::vector<SnapshotToSend> snapshots_to_send;
  std::optional<RoleChange> role_change;
  // When to call OnDeadline, unless another Ready gives another answer before.
  Instant deadline = Instant::Never();
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_READY_H_
