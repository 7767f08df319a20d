#include "jaco/server/data_dir.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/server/peers_file.h"

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

std::string StatePath(const std::string& path) {
  return absl::StrCat(path, "/state");
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

absl::Status OpenStore(env::FileSystem& fs, const std::string& path,
                       DataDir& dir) {
  auto store = storage::OpenRocksDbStateStore(fs, StatePath(path));
  if (!store.ok()) return store.status();
  dir.store = *std::move(store);
  auto stored = dir.store->Load();
  if (!stored.ok()) return stored.status();
  dir.stored = *std::move(stored);
  return absl::OkStatus();
}

// A log that has gone must not look like one that never was. Where there is no
// room to look, CreateDataDir will.
absl::Status CheckNoState(env::FileSystem& fs, const std::string& path,
                          bool use_rocksdb) {
  if (!use_rocksdb) return absl::OkStatus();
  const absl::StatusOr<bool> exists = fs.Exists(StatePath(path));
  if (!exists.ok() || !*exists) return exists.status();
  DataDir dir;
  const absl::Status status = OpenStore(fs, path, dir);
  if (absl::IsResourceExhausted(status)) return absl::OkStatus();
  return status.ok() ? CheckFit(path, dir) : status;
}

absl::StatusOr<std::optional<DataDir>> NoDataDir(env::FileSystem& fs,
                                                 const std::string& path,
                                                 bool use_rocksdb) {
  const absl::Status status = CheckNoState(fs, path, use_rocksdb);
  if (!status.ok()) return status;
  return std::nullopt;
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
  if (!*exists) return NoDataDir(fs, path, use_rocksdb);

  DataDir dir;
  auto log = storage::RaftLog::Open(fs, log_options, &dir.recovered);
  if (!log.ok()) return log.status();
  dir.log = *std::move(log);
  if (!HoldsRaftState(dir.recovered)) {
    const absl::Status none = CheckNoPeersFile(fs, path);
    if (!none.ok()) return none;
    return NoDataDir(fs, path, use_rocksdb);
  }

  auto identity = storage::LoadIdentity(fs, path);
  if (!identity.ok()) return identity.status();
  if (!identity->has_value()) {
    return absl::DataLossError(
        absl::StrCat(path, "/identity is missing, but there is a Raft log"));
  }
  dir.identity = **std::move(identity);
  absl::Status status;
  if (use_rocksdb) status = OpenStore(fs, path, dir);
  if (status.ok()) status = CheckFit(path, dir);
  if (status.ok()) status = LoadSnapshot(fs, path, dir);
  if (status.ok()) {
    const auto applied =
        ApplyPeersFile(fs, path, dir.identity.node_id, *dir.log, dir.recovered,
                       SnapshotsIn(path));
    status = applied.status();
    dir.members_replaced = applied.value_or(false);
  }
  if (!status.ok()) return status;
  return dir;
}

absl::StatusOr<DataDir> CreateDataDir(env::FileSystem& fs,
                                      const std::string& path, bool use_rocksdb,
                                      const storage::Identity& identity,
                                      const raft::Persist& founding,
                                      uint64_t segment_bytes) {
  DataDir dir;
  auto log = storage::RaftLog::Open(fs, LogOptions(path, segment_bytes),
                                    &dir.recovered);
  if (!log.ok()) return log.status();
  dir.log = *std::move(log);
  if (HoldsRaftState(dir.recovered)) {
    return MakeError(ErrorCode::kClusterAlreadyInitialized,
                     absl::StrCat(path, " holds Raft state already"));
  }
  absl::Status status;
  if (use_rocksdb) status = OpenStore(fs, path, dir);
  if (status.ok()) status = CheckFit(path, dir);
  if (status.ok()) status = PreparePeersFile(fs, path);
  if (status.ok()) status = storage::StoreIdentity(fs, path, identity);
  if (status.ok()) status = dir.log->Write({&founding, 1});
  if (!status.ok()) return status;
  dir.identity = identity;
  dir.recovered.hard_state = *founding.hard_state;
  dir.recovered.entries = founding.entries;
  return dir;
}

}  // namespace jaco::server
