#include "jaco/server/data_dir.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/server/former_data.h"
#include "jaco/server/peers_file.h"
#include "jaco/storage/damage.h"

namespace jaco::server {
namespace {

storage::RaftLogOptions LogOptions(const std::string& path,
                                   uint64_t segment_bytes,
                                   raft::NodeId repair_as) {
  return {.directory = absl::StrCat(path, "/raft"),
          .segment_bytes = segment_bytes,
          .repair_as = repair_as};
}

// A write may be torn: the entries are durable before the term that makes them
// count. A log start comes with its term, whole or not at all.
absl::Status WriteFounding(storage::RaftLog& log,
                           const raft::Persist& founding) {
  if (founding.log_start.has_value()) return log.Write({&founding, 1});
  raft::Persist entries;
  entries.id = founding.id;
  entries.entries = founding.entries;
  raft::Persist state;
  state.id = founding.id;
  state.hard_state = founding.hard_state;
  absl::Status status;
  if (!entries.entries.empty()) status = log.Write({&entries, 1});
  return status.ok() ? log.Write({&state, 1}) : status;
}

bool IsRepairing(const DataDir& dir) {
  return dir.recovered.repair_above > raft::Term();
}

raft::LogIndex LastIndex(const storage::RecoveredLog& log) {
  return log.entries.empty() ? log.log_start.index
                             : log.entries.back()->id.index;
}

// The log is what leads to the snapshot, or what is left of such a log: then it
// may begin anew behind the snapshot, which stands for committed entries.
absl::Status FitLogTo(const storage::Snapshot& snapshot, DataDir& dir) {
  if (storage::Holds(dir.recovered, snapshot.last)) return absl::OkStatus();
  const absl::Status damage = storage::DamageError(dir.recovered.damage);
  dir.recovered.log_start = snapshot.last;
  dir.recovered.configuration = snapshot.configuration;
  dir.recovered.entries.clear();
  return dir.log->BeginRepair(damage, &dir.recovered);
}

// Finds the newest snapshot that says more than the store and that the log goes
// on from. One that the log does not know was received and not installed yet,
// or the log lost what it knew.
absl::Status LoadSnapshot(env::FileSystem& fs, const std::string& path,
                          DataDir& dir) {
  const storage::SnapshotStore store = SnapshotsIn(path);
  const auto found = store.Recover(fs);
  if (!found.ok()) return found.status();
  absl::Status damage;
  for (const raft::EntryId& last : *found) {
    const bool lost =
        IsRepairing(dir) && last.index > dir.recovered.log_start.index;
    if (!lost && !storage::Holds(dir.recovered, last)) continue;
    if (last.index <= dir.stored.applied) {
      dir.newest_snapshot = last.index;
      break;
    }
    absl::StatusOr<storage::Snapshot> snapshot = store.Read(fs, last);
    if (snapshot.ok()) {
      dir.snapshot = *std::move(snapshot);
      dir.newest_snapshot = last.index;
      return FitLogTo(*dir.snapshot, dir);
    }
    if (!storage::IsDamage(snapshot.status())) return snapshot.status();
    if (damage.ok()) damage = snapshot.status();
  }
  const raft::LogIndex start = dir.recovered.log_start.index;
  if (dir.stored.applied >= start) return absl::OkStatus();
  if (damage.ok()) {
    damage = storage::DamageError(
        absl::StrCat(path, "/raft begins behind index ", start.value(),
                     ", and no snapshot in ", path, "/snapshots reaches that"));
  }
  // All of it has to come from others.
  dir.recovered.log_start = {};
  dir.recovered.configuration = {};
  dir.recovered.entries.clear();
  return dir.log->BeginRepair(damage, &dir.recovered);
}

std::string StatePath(const std::string& path) {
  return absl::StrCat(path, "/state");
}

absl::Status CheckFit(const std::string& path, const DataDir& dir) {
  const raft::LogIndex last = LastIndex(dir.recovered);
  // The store follows the log, which is synced first: one that is ahead means
  // that the log lost something.
  if (dir.stored.applied > last) {
    return storage::DamageError(
        absl::StrCat(path, "/state holds index ", dir.stored.applied.value(),
                     " but ", path, "/raft ends at ", last.value()));
  }
  return absl::OkStatus();
}

absl::Status OpenStore(env::FileSystem& fs, const std::string& path,
                       DataDir& dir) {
  auto store = OpenStateStore(fs, path);
  if (!store.ok()) return store.status();
  dir.store = *std::move(store);
  auto stored = dir.store->Load();
  if (!stored.ok()) return stored.status();
  dir.stored = *std::move(stored);
  return absl::OkStatus();
}

absl::Status RemoveFlatDirectory(env::FileSystem& fs, const std::string& path) {
  const absl::StatusOr<bool> exists = fs.Exists(path);
  if (!exists.ok() || !*exists) return exists.status();
  const auto names = fs.List(path);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const absl::Status removed = fs.Remove(absl::StrCat(path, "/", name));
    if (!removed.ok()) return removed;
  }
  return fs.RemoveDirectory(path);
}

// Those that are there are left over from a restore that was cut off: they are
// of another history than the one that begins.
absl::Status ReplaceSnapshots(
    env::FileSystem& fs, const std::string& path,
    const std::optional<storage::Snapshot>& snapshot) {
  const std::string directory = absl::StrCat(path, "/snapshots");
  const absl::StatusOr<bool> exists = fs.Exists(directory);
  absl::Status status = exists.status();
  if (status.ok() && *exists) {
    status = RemoveFlatDirectory(fs, directory);
    if (status.ok()) status = fs.SyncDirectory(path);
  }
  if (!status.ok() || !snapshot.has_value()) return status;
  return SnapshotsIn(path).Write(fs, *snapshot);
}

// Begins a new store. The old one is kept aside, until the next time.
absl::Status ResetStore(env::FileSystem& fs, const std::string& path,
                        DataDir& dir) {
  dir.store = nullptr;
  dir.stored = {};
  const std::string aside = StatePath(path) + ".damaged";
  absl::Status status = RemoveFlatDirectory(fs, aside);
  if (status.ok()) status = fs.Rename(StatePath(path), aside);
  if (status.ok()) status = fs.SyncDirectory(path);
  return status.ok() ? OpenStore(fs, path, dir) : status;
}

// The store is a mirror of log and snapshots: it may be begun anew.
absl::Status OpenFittingStore(env::FileSystem& fs, const std::string& path,
                              DataDir& dir) {
  absl::Status status = OpenStore(fs, path, dir);
  if (storage::IsDamage(status)) {
    dir.notes.push_back(absl::StrCat(status.message(), "; begun anew"));
    status = ResetStore(fs, path, dir);
  }
  if (!status.ok()) return status;
  if (!IsRepairing(dir)) {
    const absl::Status fit = CheckFit(path, dir);
    if (fit.ok()) return fit;
    status = dir.log->BeginRepair(fit, &dir.recovered);
    if (!status.ok()) return status;
  }
  // What it holds may be lost from the log, or replaced in what is left of it.
  return dir.stored.applied.value() == 0 ? absl::OkStatus()
                                         : ResetStore(fs, path, dir);
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

absl::Status UpdateIdentity(env::FileSystem& fs, const std::string& path,
                            const std::string& own_address, bool lease_reads,
                            storage::Identity& identity) {
  const storage::Identity old = identity;
  // The server has another address than the one that the operator overruled.
  if (identity.placement.has_value() &&
      identity.placement->instead_of != own_address) {
    identity.placement.reset();
  }
  identity.leases_promised |= lease_reads;
  return identity == old ? absl::OkStatus()
                         : storage::StoreIdentity(fs, path, identity);
}

absl::Status OpenNewLog(env::FileSystem& fs, const std::string& path,
                        uint64_t segment_bytes, DataDir& dir) {
  dir.recovered = {};
  auto log = storage::RaftLog::Open(
      fs, LogOptions(path, segment_bytes, raft::kNoNode), &dir.recovered);
  if (!log.ok()) return log.status();
  dir.log = *std::move(log);
  if (!dir.recovered.HoldsState()) return absl::OkStatus();
  return MakeError(ErrorCode::kClusterAlreadyInitialized,
                   absl::StrCat(path, " holds Raft state already"));
}

}  // namespace

storage::SnapshotStore SnapshotsIn(const std::string& path) {
  return storage::SnapshotStore(absl::StrCat(path, "/snapshots"));
}

absl::StatusOr<std::unique_ptr<storage::StateStore>> OpenStateStore(
    env::FileSystem& fs, const std::string& path) {
  return storage::OpenRocksDbStateStore(fs, StatePath(path));
}

absl::StatusOr<std::optional<DataDir>> OpenDataDir(
    env::FileSystem& fs, const std::string& path,
    const std::string& own_address, bool lease_reads, bool use_rocksdb,
    uint64_t segment_bytes) {
  if (absl::Status left = FinishSettingAside(fs, path); !left.ok()) return left;
  storage::RaftLogOptions log_options =
      LogOptions(path, segment_bytes, raft::kNoNode);
  absl::StatusOr<bool> exists =
      storage::RaftLog::Exists(fs, log_options.directory);
  if (!exists.ok()) return exists.status();
  if (!*exists) return NoDataDir(fs, path, use_rocksdb);
  auto identity = storage::LoadIdentity(fs, path);
  if (!identity.ok()) return identity.status();
  if (identity->has_value()) log_options.repair_as = (*identity)->node_id;

  DataDir dir;
  auto log = storage::RaftLog::Open(fs, log_options, &dir.recovered);
  if (!log.ok()) return log.status();
  dir.log = *std::move(log);
  if (!dir.recovered.HoldsState()) {
    const absl::Status none = CheckNoPeersFile(fs, path);
    if (!none.ok()) return none;
    return NoDataDir(fs, path, use_rocksdb);
  }

  if (!identity->has_value()) {
    return absl::DataLossError(
        absl::StrCat(path, "/identity is missing, but there is a Raft log"));
  }
  dir.identity = **std::move(identity);
  dir.leases_promised = dir.identity.leases_promised;
  absl::Status status =
      UpdateIdentity(fs, path, own_address, lease_reads, dir.identity);
  if (status.ok() && use_rocksdb) status = OpenFittingStore(fs, path, dir);
  if (status.ok()) status = LoadSnapshot(fs, path, dir);
  if (status.ok() && dir.stored.applied > LastIndex(dir.recovered)) {
    status = ResetStore(fs, path, dir);  // the log was given up
  }
  if (status.ok()) {
    const auto applied =
        ApplyPeersFile(fs, path, own_address, dir.identity, *dir.log,
                       dir.recovered, SnapshotsIn(path));
    status = applied.status();
    dir.members_replaced = applied.value_or(false);
  }
  if (!status.ok()) return status;
  return dir;
}

absl::StatusOr<DataDir> CreateDataDir(env::FileSystem& fs,
                                      const std::string& path, bool use_rocksdb,
                                      const storage::Identity& identity,
                                      const FoundingWrite& founding,
                                      uint64_t segment_bytes) {
  DataDir dir;
  absl::Status status = OpenNewLog(fs, path, segment_bytes, dir);
  if (status.ok() && !dir.recovered.entries.empty()) {
    // Left over from a founding that was cut off: they would count with the
    // term that is about to be written.
    dir.log = nullptr;
    status = SetDataAside(fs, path, /*keep=*/false);
    if (status.ok()) status = OpenNewLog(fs, path, segment_bytes, dir);
  }
  if (status.ok() && use_rocksdb) status = OpenStore(fs, path, dir);
  if (status.ok()) status = CheckFit(path, dir);
  if (status.ok()) status = PreparePeersFile(fs, path);
  if (status.ok()) status = storage::StoreIdentity(fs, path, identity);
  if (status.ok()) status = ReplaceSnapshots(fs, path, founding.snapshot);
  if (status.ok()) status = WriteFounding(*dir.log, founding.log);
  if (!status.ok()) return status;
  dir.identity = identity;
  dir.recovered.hard_state = *founding.log.hard_state;
  dir.recovered.entries = founding.log.entries;
  if (founding.snapshot.has_value()) {
    dir.recovered.log_start = founding.log.log_start->last;
    dir.recovered.configuration = founding.log.log_start->configuration;
    dir.newest_snapshot = founding.snapshot->last.index;
    dir.snapshot = founding.snapshot;
  }
  return dir;
}

}  // namespace jaco::server
