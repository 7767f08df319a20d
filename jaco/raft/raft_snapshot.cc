// Log compaction and snapshots: dissertation §5. The core knows a snapshot by
// the entry that it ends with; its bytes are the driver's business.

#include <algorithm>
#include <utility>

#include "jaco/base/check.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {

void Raft::CompactTo(LogIndex index) {
  JACO_CHECK(index <= applied_);
  // After a snapshot the log may have to catch up with the state machine.
  index = std::min(index, durability_.index());
  if (index <= log_.start().index) return;
  log_.CompactTo(index);
  configurations_.CompactTo(index);
}

// ---- The leader's side.

void Raft::AskForSnapshots(Ready& ready) {
  for (Progress& peer : std::get<Leader>(state_).peers) {
    if (!std::exchange(peer.snapshot_due, false)) continue;
    ready.snapshots_to_send.push_back({peer.id, peer.session});
  }
}

void Raft::OnSnapshotSent(Instant /*now*/, NodeId id, LogIndex session,
                          EntryId snapshot) {
  Progress* peer = FindPeer(id);
  if (peer == nullptr || peer->session != session) return;
  if (peer->state != Progress::State::kSnapshot) return;
  dirty_ = true;
  // Nothing is acknowledged yet: the probe from there asks what is durable. If
  // the log has moved on since, that finds out too.
  peer->BecomeProbe(snapshot.index.Next());
  peer->message_due = true;
}

void Raft::OnSnapshotFailed(Instant /*now*/, NodeId id) {
  Progress* peer = FindPeer(id);
  if (peer == nullptr || peer->state != Progress::State::kSnapshot) return;
  peer->snapshot_failed = true;
}

// ---- The follower's side.

bool Raft::CanInstallSnapshot(const EntryId& last) const {
  // Whoever leads holds all that is committed (Leader Completeness).
  return last.index > commit_ && last.term <= hard_state_.term &&
         !std::holds_alternative<Leader>(state_);
}

bool Raft::InstallSnapshot(Instant /*now*/, EntryId last,
                           Configuration configuration) {
  if (!CanInstallSnapshot(last)) return false;
  dirty_ = true;
  const LogIndex committed = commit_;
  if (log_.Contains(last)) {
    // The log is right as far as that, and what follows may be acknowledged
    // already: only the state machine has jumped.
    SetCommit(last.index);
  } else {
    // What is there before `last` is a part of the snapshot or in conflict with
    // it; what is behind it conflicts (Log Matching).
    log_.Reset(last);
    configurations_.Reset(last.index, configuration);
    durability_.OnInstalled(committed, {last, std::move(configuration)});
    commit_ = last.index;
  }
  handed_out_ = last.index;
  applied_ = last.index;
  installed_ = last.index;
  return true;
}

}  // namespace jaco::raft
