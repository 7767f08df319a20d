// The snapshot that is arriving from the leader, if any: chunks go to a file as
// they come, in order, and what is there outlives a restart.

#ifndef JACO_SERVER_SNAPSHOT_RECEIVER_H_
#define JACO_SERVER_SNAPSHOT_RECEIVER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "jaco/env/environment.h"
#include "jaco/raft/snapshot.h"
#include "jaco/raft/types.h"
#include "jaco/storage/snapshot_store.h"

namespace jaco::server {

// Loop thread; the store is used on the snapshot lane.
class SnapshotReceiver {
 public:
  struct Hooks {
    absl::AnyInvocable<void(raft::NodeId, const raft::SnapshotChunkAck&)> send;
    // Takes over a whole snapshot, which is durable. An error refuses it.
    absl::AnyInvocable<absl::Status(const storage::Snapshot&)> install;
    // The disk failed.
    absl::AnyInvocable<void(absl::Status)> fail;
  };

  SnapshotReceiver(const env::Environment& environment,
                   const storage::SnapshotStore& store, Hooks hooks)
      : env_(environment), store_(store), hooks_(std::move(hooks)) {}

  // A chunk from the leader of the present term, of a snapshot that is of use.
  void OnChunk(raft::NodeId from, raft::SnapshotChunk chunk);
  // Nothing more comes: no job follows the one that is under way.
  void Stop() { stopped_ = true; }

 private:
  struct Incoming {
    raft::NodeId from;
    raft::Term term;
    raft::LogIndex session;
    raft::SnapshotId id;
    uint64_t written = 0;
    std::string waiting;  // follows what is written, or is being written
    uint64_t end = 0;     // of that
  };

  void Begin(raft::NodeId from, const raft::SnapshotChunk& chunk);
  void GoOn();
  void WriteWaiting();
  void Finish();
  void OnFinished(const absl::Status& status,
                  const std::optional<storage::Snapshot>& snapshot);
  void Answer(raft::SnapshotStatus status);
  // False, and the transfer is over, for an error, or when there is nobody to
  // go on for.
  bool Succeeded(const absl::Status& status);

  const env::Environment env_;
  const storage::SnapshotStore store_;
  Hooks hooks_;
  std::optional<Incoming> incoming_;
  bool busy_ = false;  // a job is under way
  bool stopped_ = false;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_SNAPSHOT_RECEIVER_H_
