// Snapshots of the state machine as files, one each: written here, or received
// from a leader piece by piece. docs/formats.md has the layout.

#ifndef JACO_STORAGE_SNAPSHOT_STORE_H_
#define JACO_STORAGE_SNAPSHOT_STORE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"
#include "jaco/raft/snapshot.h"
#include "jaco/raft/types.h"

namespace jaco::storage {

struct Snapshot {
  raft::EntryId last;                 // the entry that it ends with
  raft::Configuration configuration;  // as of then
  std::string state;                  // the machine's own format

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

// Keeps no state of its own but a path. Blocking; calls for one directory come
// one at a time. Errors of every call: those of the file system, and where it
// is said kDataLoss for damage and kFailedPrecondition for another format
// version, naming the file.
class SnapshotStore {
 public:
  // The newest so many are kept: the older one is for when the newest is
  // damaged.
  static constexpr size_t kKept = 2;

  // The directory is created when it is first needed; its parent exists.
  explicit SnapshotStore(std::string directory)
      : directory_(std::move(directory)) {}

  // Durable, and complete or not there; replaces one of the same entry.
  absl::Status Write(env::FileSystem& fs, const Snapshot& snapshot) const;

  // Removes those that came before the newest kKept up to `known`, an index
  // that the Raft log on disk holds. Later ones stay: a restart needs one that
  // the log leads to. What cannot be removed goes the next time.
  void Prune(env::FileSystem& fs, raft::LogIndex known) const;
  absl::Status Remove(env::FileSystem& fs, const raft::EntryId& last) const;

  // As List, after a start. What is listed is durable from here on: an earlier
  // incarnation may have ended between a rename and its sync.
  absl::StatusOr<std::vector<raft::EntryId>> Recover(env::FileSystem& fs) const;
  // What there is, the newest first. Nothing is opened.
  absl::StatusOr<std::vector<raft::EntryId>> List(env::FileSystem& fs) const;

  // kDataLoss, kFailedPrecondition.
  absl::StatusOr<Snapshot> Read(env::FileSystem& fs,
                                const raft::EntryId& last) const;
  // The bytes of its file, verified. For another server's Receive.
  absl::StatusOr<std::string> ReadFile(env::FileSystem& fs,
                                       const raft::EntryId& last) const;
  static raft::SnapshotId IdOf(const raft::EntryId& last,
                               absl::string_view file);

  // Receiving `id`: where to go on, which is behind what an earlier incarnation
  // got of it. Forgets what was received of any other.
  absl::StatusOr<uint64_t> BeginReceive(env::FileSystem& fs,
                                        const raft::SnapshotId& id) const;
  // Adds `data` at `offset`, which is where the file ends; durable.
  absl::Status Receive(env::FileSystem& fs, const raft::SnapshotId& id,
                       uint64_t offset, absl::string_view data) const;
  // All of it is there: makes it one of the snapshots. Damage
  // (storage/damage.h) when it is not what `id` says, or cannot be read: it is
  // then forgotten. kFailedPrecondition.
  absl::StatusOr<Snapshot> FinishReceive(env::FileSystem& fs,
                                         const raft::SnapshotId& id) const;

 private:
  std::string PathOf(const raft::EntryId& last) const;
  std::string PartPathOf(const raft::SnapshotId& id) const;

  const std::string directory_;
};

}  // namespace jaco::storage

#endif  // JACO_STORAGE_SNAPSHOT_STORE_H_
