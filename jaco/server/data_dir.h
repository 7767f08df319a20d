// What a server keeps in its data directory, opened and created as a whole:
//
//   identity      this server's id and name (storage/identity.h)
//   raft/         the Raft log (storage/raft_log.h), peers.json (peers_file.h)
//   snapshots/    snapshots of it (storage/snapshot_store.h)
//   state/        the applied state, RocksDB (storage/state_store.h)
//   former/       the same of the cluster that this server left last
//
// Blocking: for a job on a disk lane.

#ifndef JACO_SERVER_DATA_DIR_H_
#define JACO_SERVER_DATA_DIR_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/file_system.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/types.h"
#include "jaco/storage/identity.h"
#include "jaco/storage/raft_log.h"
#include "jaco/storage/snapshot_store.h"
#include "jaco/storage/state_store.h"

namespace jaco::server {

// Everything that a member resumes from.
struct DataDir {
  storage::Identity identity;
  std::unique_ptr<storage::RaftLog> log;
  storage::RecoveredLog recovered;
  std::unique_ptr<storage::StateStore> store;  // null without RocksDB
  storage::StoredState stored;
  // Newer than `stored`, and to be restored on top of it.
  std::optional<storage::Snapshot> snapshot;
  raft::LogIndex newest_snapshot;  // 0: there is none
  bool members_replaced = false;   // by peers.json, just now
  // By a start before this one; `identity` says it of this one too.
  bool leases_promised = false;
  std::vector<std::string> notes;  // what an operator should know
};

storage::SnapshotStore SnapshotsIn(const std::string& path);

// The store of `path`, for a job.
absl::StatusOr<std::unique_ptr<storage::StateStore>> OpenStateStore(
    env::FileSystem& fs, const std::string& path);

// Opens `path`. nullopt when it holds no Raft state: the server is
// uninitialized (also after a creation that was cut off before it took effect).
// Parts that are damaged, or do not fit together, are repaired from each other
// or, where the log may lack entries then, marked as to be repaired from other
// servers (RecoveredLog::repair_above). kDataLoss when that cannot be, also
// when there is applied state but no log; and the errors of the parts.
// `own_address` is what this server's settings say: an Identity::placement that
// is in place of another one ends. `lease_reads` is remembered from then on.
absl::StatusOr<std::optional<DataDir>> OpenDataDir(
    env::FileSystem& fs, const std::string& path,
    const std::string& own_address, bool lease_reads, bool use_rocksdb,
    uint64_t segment_bytes);

// What a member begins with.
struct FoundingWrite {
  // A hard state, and entries or a log start.
  raft::Persist log;
  // What the log start stands for.
  std::optional<storage::Snapshot> snapshot;
};

// Makes a member of what OpenDataDir found to be none. After an error, or a
// crash, it is one or none. cluster_already_initialized.
absl::StatusOr<DataDir> CreateDataDir(env::FileSystem& fs,
                                      const std::string& path, bool use_rocksdb,
                                      const storage::Identity& identity,
                                      const FoundingWrite& founding,
                                      uint64_t segment_bytes);

}  // namespace jaco::server

#endif  // JACO_SERVER_DATA_DIR_H_
