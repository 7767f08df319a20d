#include "jaco/server/data_dir.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

storage::RaftLogOptions LogOptions(const std::string& path,
                                   uint64_t segment_bytes) {
  return {.directory = absl::StrCat(path, "/raft"),
          .segment_bytes = segment_bytes};
}

bool HoldsRaftState(const storage::RecoveredLog& recovered) {
  return !recovered.entries.empty() || recovered.log_start.index.value() > 0 ||
         recovered.hard_state.term.value() > 0;
}

bool LogHolds(const storage::RecoveredLog& log, const raft::EntryId& id) {
  if (id.index == log.log_start.index) return id == log.log_start;
  if (id.index < log.log_start.index) return false;
  const size_t at = id.index - log.log_start.index - 1;
  return at < log.entries.size() && log.entries[at]->id == id;
}

// Finds the newest snapshot that says more than the store and that the log goes
// on from. One that the log does not know was received and not installed yet.
absl::Status LoadSnapshot(env::FileSystem& fs, const std::string& path,
                          DataDir& dir) {
  const storage::SnapshotStore store = SnapshotsIn(path);
  const auto found = store.List(fs);
  if (!found.ok()) return found.status();
  absl::Status damage;
  for (const raft::EntryId& last : *found) {
    if (!LogHolds(dir.recovered, last)) continue;
    if (last.index <= dir.stored.applied) {
      dir.newest_snapshot = last.index;
      break;
    }
    absl::StatusOr<storage::Snapshot> snapshot = store.Read(fs, last);
    if (snapshot.ok()) {
      dir.snapshot = *std::move(snapshot);
      dir.newest_snapshot = last.index;
      return absl::OkStatus();
    }
    if (damage.ok()) damage = snapshot.status();
  }
  const raft::LogIndex start = dir.recovered.log_start.index;
  if (dir.stored.applied >= start) return absl::OkStatus();
  if (!damage.ok()) return damage;
  return absl::DataLossError(
      absl::StrCat(path, "/raft begins behind index ", start.value(),
                   ", and no snapshot in ", path, "/snapshots reaches that"));
}

absl::Status CheckFit(const std::string& path, const DataDir& dir) {
  const auto& entries = dir.recovered.entries;
  const raft::LogIndex last = entries.empty() ? dir.recovered.log_start.index
                                              : entries.back()->id.index;
  // The store follows the log, which is synced first: one that is ahead means
  // that the log lost something.
  if (dir.stored.applied > last) {
    return absl::DataLossError(
        absl::StrCat(path, "/state holds index ", dir.stored.applied.value(),
                     " but ", path, "/raft ends at ", last.value()));
  }
  return absl::OkStatus();
}

}  // namespace

storage::SnapshotStore SnapshotsIn(const std::string& path) {
  return storage::SnapshotStore(absl::StrCat(path, "/snapshots"));
}

absl::StatusOr<std::optional<DataDir>> OpenDataDir(env::FileSystem& fs,
                                                   const std::string& path,
                                                   bool use_rocksdb,
                                                   uint64_t segment_bytes) {
  const storage::RaftLogOptions log_options = LogOptions(path, segment_bytes);
  absl::StatusOr<bool> exists =
      storage::RaftLog::Exists(fs, log_options.directory);
  if (!exists.ok()) return exists.status();
  if (!*exists) return std::nullopt;

  DataDir dir;
  auto log = storage::RaftLog::Open(fs, log_options, &dir.recovered);
  if (!log.ok()) return log.status();
  dir.log = *std::move(log);
  if (!HoldsRaftState(dir.recovered)) return std::nullopt;

  auto identity = storage::LoadIdentity(fs, path);
  if (!identity.ok()) return identity.status();
  if (!identity->has_value()) {
    return absl::DataLossError(
        absl::StrCat(path, "/identity is missing, but there is a Raft log"));
  }
  dir.identity = **std::move(identity);
  if (use_rocksdb) {
    auto store =
        storage::OpenRocksDbStateStore(fs, absl::StrCat(path, "/state"));
    if (!store.ok()) return store.status();
    dir.store = *std::move(store);
    auto stored = dir.store->Load();
    if (!stored.ok()) return stored.status();
    dir.stored = *std::move(stored);
  }
  absl::Status status = CheckFit(path, dir);
  if (status.ok()) status = LoadSnapshot(fs, path, dir);
  if (!status.ok()) return status;
  return dir;
}

absl::Status CreateDataDir(env::FileSystem& fs, const std::string& path,
                           const storage::Identity& identity,
                           const raft::Persist& founding,
                           uint64_t segment_bytes) {
  storage::RecoveredLog recovered;
  auto log =
      storage::RaftLog::Open(fs, LogOptions(path, segment_bytes), &recovered);
  if (!log.ok()) return log.status();
  if (HoldsRaftState(recovered)) {
    return MakeError(ErrorCode::kClusterAlreadyInitialized,
                     absl::StrCat(path, " holds Raft state already"));
  }
  absl::Status status = storage::StoreIdentity(fs, path, identity);
  if (!status.ok()) return status;
  return (*log)->Write({&founding, 1});
}

}  // namespace jaco::server
