// The data directory of a server that does not run, as far as it can be read.
// Changes nothing. Damage is reported and does not end the reading.
//
// Blocking.

#ifndef JACO_SERVER_OFFLINE_H_
#define JACO_SERVER_OFFLINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/file_system.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/raft/types.h"
#include "jaco/storage/identity.h"
#include "jaco/storage/log_inspection.h"

namespace jaco::server {

struct OfflineSnapshot {
  raft::EntryId last;
  uint64_t bytes = 0;
  absl::Status status;  // whether it can be read
};

struct OfflineServer {
  std::optional<storage::Identity> identity;
  storage::LogInspection log;
  std::vector<OfflineSnapshot> snapshots;  // the newest first
  // The latest configuration in the log, committed or not, and the index of its
  // entry (the log's start when it is from before that).
  raft::Configuration configuration;
  raft::LogIndex configuration_index;
  // The state store's; nullopt when there is none.
  std::optional<raft::LogIndex> stored;
  // Of the newest of state store and snapshots, which is committed ...
  raft::LogIndex committed;
  // ... with the rest of the log on top, which may not be.
  fsm::ClusterState state;
  // Each names the file, damage of the log also the offset.
  std::vector<absl::Status> damage;
};

// not_found when `path` holds no Raft log.
absl::StatusOr<OfflineServer> InspectOffline(env::FileSystem& files,
                                             const std::string& path);

// What an entry says, in words; never a secret, nor the hash of one.
std::string Summarize(const raft::Entry& entry);

}  // namespace jaco::server

#endif  // JACO_SERVER_OFFLINE_H_
