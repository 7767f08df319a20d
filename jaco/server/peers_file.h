// raft/peers.json: how an operator brings a cluster back that has lost its
// quorum for good. docs/decisions/0011-peers-json.md says why it works as it
// does.
//
// Blocking: for a job on a disk lane.

#ifndef JACO_SERVER_PEERS_FILE_H_
#define JACO_SERVER_PEERS_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/file_system.h"
#include "jaco/storage/identity.h"
#include "jaco/storage/raft_log.h"
#include "jaco/storage/snapshot_store.h"

namespace jaco::server {

// The first start writes raft/peers.info, which explains, and removes a
// peers.json that comes from nobody knows where. `path` is the data directory,
// whose raft/ exists.
absl::Status PreparePeersFile(env::FileSystem& fs, const std::string& path);

// For a directory that holds no Raft state: cluster_uninitialized when there is
// a peers.json that waits to be applied.
absl::Status CheckNoPeersFile(env::FileSystem& fs, const std::string& path);

// Applies raft/peers.json, if there is one, to `log`, of which `recovered` was
// read and is brought up to date, and to `snapshots`; then removes it. Whether
// there was one. Where the file has this server at another address than
// `own_address`, of which the log knew before, `identity` remembers that and is
// stored. May be cut off anywhere and called again. Errors name the
// file: parse_failed, validation_failed, data_loss when it would leave a log
// in repair alone (nothing is changed), and those of the file system.
absl::StatusOr<bool> ApplyPeersFile(env::FileSystem& fs,
                                    const std::string& path,
                                    const std::string& own_address,
                                    storage::Identity& identity,
                                    storage::RaftLog& log,
                                    storage::RecoveredLog& recovered,
                                    const storage::SnapshotStore& snapshots);

}  // namespace jaco::server

#endif  // JACO_SERVER_PEERS_FILE_H_
