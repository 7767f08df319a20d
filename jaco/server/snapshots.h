// The life of snapshots on one server: when to take one and compact the log,
// and how they travel to followers that need them.

#ifndef JACO_SERVER_SNAPSHOTS_H_
#define JACO_SERVER_SNAPSHOTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/env/environment.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/raft.h"
#include "jaco/server/snapshot_receiver.h"
#include "jaco/server/snapshot_rhythm.h"
#include "jaco/server/snapshot_sender.h"
#include "jaco/storage/raft_log.h"
#include "jaco/storage/snapshot_store.h"

namespace jaco::server {

struct SnapshotOptions {
  // One is taken at every multiple of `entries`, and after so many bytes of
  // them (SnapshotRhythm). Servers that are to have the same ones have these
  // the same.
  uint64_t entries = 8192;
  uint64_t log_bytes = uint64_t{16} << 20;
  // The log keeps so many entries before the snapshot, but no more than
  // log_bytes of them; for followers in touch that need them kTrailingForLive
  // times as many.
  uint64_t trailing_entries = 1024;
  SnapshotSender::Options sending;
};

class Snapshots {
 public:
  static constexpr uint64_t kTrailingForLive = 4;

  struct Hooks {
    absl::AnyInvocable<void(raft::NodeId, env::FramePtr)> send;
    // See SnapshotReceiver.
    absl::AnyInvocable<absl::Status(const storage::Snapshot&)> install;
    absl::AnyInvocable<void(absl::Status)> fail;
    // The core has been given something.
    absl::AnyInvocable<void()> pump;
  };

  // `newest` is that of the newest snapshot in `store`. `raft` and `machine`
  // outlive this.
  Snapshots(const env::Environment& environment, const SnapshotOptions& options,
            const storage::SnapshotStore& store,
            std::shared_ptr<storage::RaftLog> log, raft::Raft* raft,
            const fsm::StateMachine* machine, raft::LogIndex newest,
            Hooks hooks);
  ~Snapshots() { Stop(); }

  // The machine has applied `entry` and nothing behind it.
  void OnApplied(const raft::Entry& entry);
  // More of the log is durable.
  void OnDurable();
  // There is no room for the log to go on: what it need not keep goes.
  void MakeRoom();
  // An error for a frame that cannot be read.
  absl::Status OnFrame(raft::NodeId from, absl::string_view frame);
  void Send(const std::vector<raft::SnapshotToSend>& wanted);
  // Transfers of an earlier leadership are over.
  void OnRoleChange();
  // Nothing is done any more.
  void Stop();

 private:
  struct Transfer {
    raft::LogIndex session;
    std::unique_ptr<SnapshotSender> sender;  // nullptr: the file is being read
  };

  // A state as it was, not yet in bytes.
  struct Picture {
    storage::Snapshot snapshot;  // without `state`
    fsm::StateMachine::Snapshot state;
  };
  // That follower has a snapshot, and not yet what followed it.
  struct CatchUp {
    raft::LogIndex from;        // the end of the snapshot
    uint64_t lag = UINT64_MAX;  // in entries, at the last compaction
  };
  // That follower turned down what it was sent, or there was nothing to send.
  struct Setback {
    Duration wait;
    Instant again;
  };

  void Take(const raft::EntryId& last);
  void Write(Picture picture);
  void OnTaken(raft::LogIndex index, const absl::Status& status);
  void Compact();
  void Prune();
  void Discard(const raft::EntryId& last);
  raft::LogIndex BeforeTrailing(uint64_t times) const;
  raft::LogIndex NeededFrom(raft::LogIndex target);
  raft::LogIndex NeededBy(const raft::Progress& peer, raft::LogIndex least);
  bool IsTimeFor(raft::NodeId to) const;
  void Postpone(raft::NodeId to);
  void Load(const raft::SnapshotToSend& wanted);
  void OnLoaded(const raft::SnapshotToSend& wanted, raft::Term term,
                const raft::EntryId& last,
                std::shared_ptr<const std::string> file,
                const absl::Status& status);
  void Handle(raft::NodeId from, raft::SnapshotChunk chunk);
  void Handle(raft::NodeId from, const raft::SnapshotChunkAck& ack);
  void Answer(raft::NodeId to, const raft::SnapshotChunkAck& ack);
  void Advance(raft::NodeId to);
  void ArmTimer();
  void OnTimer();

  const env::Environment env_;
  const SnapshotOptions options_;
  const storage::SnapshotStore store_;
  const std::shared_ptr<storage::RaftLog> log_;
  raft::Raft* const raft_;
  const fsm::StateMachine* const machine_;
  Hooks hooks_;
  SnapshotReceiver receiver_;
  bool stopped_ = false;

  SnapshotRhythm rhythm_;
  bool taking_ = false;
  std::optional<Picture> next_;  // is written after the one that is
  raft::LogIndex newest_;        // durable, and the log on disk leads to it
  raft::LogIndex installed_;     // durable
  bool uncompacted_ = false;     // the log on disk, for want of room
  std::map<raft::NodeId, Transfer> transfers_;
  std::map<raft::NodeId, CatchUp> catching_up_;
  std::map<raft::NodeId, Setback> setbacks_;
  env::TimerId timer_ = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_SNAPSHOTS_H_
