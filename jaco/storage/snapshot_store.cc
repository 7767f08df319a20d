#include "jaco/storage/snapshot_store.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/raft/codec.h"
#include "jaco/storage/atomic_file.h"
#include "jaco/storage/damage.h"

namespace jaco::storage {
namespace {

constexpr absl::string_view kMagic = "jacosnp\n";
constexpr uint32_t kVersion = 1;
// At the end, of everything before, in all versions.
constexpr size_t kChecksumBytes = sizeof(uint32_t);
constexpr absl::string_view kSuffix = ".snapshot";
constexpr absl::string_view kPartSuffix = ".part";
constexpr size_t kDigits = 20;

std::string Encode(const Snapshot& snapshot) {
  const std::string configuration =
      raft::EncodeConfiguration(snapshot.configuration);
  std::string bytes;
  bytes.reserve(kMagic.size() + 44 + configuration.size() +
                snapshot.state.size());
  bytes.append(kMagic.data(), kMagic.size());
  AppendLittleEndian(kVersion, &bytes);
  AppendLittleEndian(snapshot.last.term.value(), &bytes);
  AppendLittleEndian(snapshot.last.index.value(), &bytes);
  AppendLittleEndian(static_cast<uint32_t>(configuration.size()), &bytes);
  bytes.append(configuration);
  AppendLittleEndian(uint64_t{snapshot.state.size()}, &bytes);
  bytes.append(snapshot.state);
  AppendLittleEndian(Crc32c(bytes), &bytes);
  return bytes;
}

absl::StatusOr<Snapshot> Decode(absl::string_view path,
                                absl::string_view bytes) {
  const auto damaged = [&](absl::string_view what) {
    return DamageError(absl::StrCat("snapshot ", path, " is damaged: ", what));
  };
  if (!absl::StartsWith(bytes, kMagic)) return damaged("bad magic");
  const size_t covered = bytes.size() - std::min(bytes.size(), kChecksumBytes);
  if (covered < kMagic.size() ||
      LoadLittleEndian<uint32_t>(bytes.data() + covered) !=
          Crc32c(bytes.substr(0, covered))) {
    return damaged("wrong checksum");
  }
  bytes = bytes.substr(0, covered);
  ByteReader reader(bytes.substr(kMagic.size()));
  const auto version = reader.Read<uint32_t>();
  if (reader.ok() && version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("snapshot ", path, ": format version ", version,
                     "; this build knows version ", kVersion));
  }
  Snapshot snapshot;
  snapshot.last.term = raft::Term(reader.Read<uint64_t>());
  snapshot.last.index = raft::LogIndex(reader.Read<uint64_t>());
  const absl::string_view configuration =
      reader.ReadBytes(reader.Read<uint32_t>());
  const absl::string_view state = reader.ReadBytes(reader.Read<uint64_t>());
  if (!reader.AtEnd()) return damaged("wrong size");
  auto decoded = raft::DecodeConfiguration(configuration);
  if (!decoded.ok()) return damaged(decoded.status().message());
  snapshot.configuration = *std::move(decoded);
  snapshot.state = std::string(state);
  return snapshot;
}

// What its sender has can be sent again: what the disk refuses to read is
// damage like any other.
absl::StatusOr<Snapshot> DecodeReceived(
    const std::string& path, const absl::StatusOr<std::string>& bytes,
    const raft::SnapshotId& id) {
  if (absl::IsDataLoss(bytes.status())) {
    return DamageError(bytes.status().message());
  }
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Snapshot> snapshot = Decode(path, *bytes);
  const bool same = SnapshotStore::IdOf(id.last, *bytes) == id;
  if (snapshot.ok() && (!same || snapshot->last != id.last)) {
    return DamageError(
        absl::StrCat("snapshot ", path, " is not what its sender has"));
  }
  return snapshot;
}

// The index first: names sort like indexes.
std::string NameOf(const raft::EntryId& last) {
  return absl::StrFormat("%020u-%020u", last.index.value(), last.term.value());
}

std::optional<raft::EntryId> EntryOfName(absl::string_view name) {
  if (!absl::ConsumeSuffix(&name, kSuffix)) return std::nullopt;
  if (name.size() != 2 * kDigits + 1 || name[kDigits] != '-') {
    return std::nullopt;
  }
  uint64_t index = 0;
  uint64_t term = 0;
  if (!absl::SimpleAtoi(name.substr(0, kDigits), &index) ||
      !absl::SimpleAtoi(name.substr(kDigits + 1), &term)) {
    return std::nullopt;
  }
  return raft::EntryId{raft::Term(term), raft::LogIndex(index)};
}

}  // namespace

std::string SnapshotStore::PathOf(const raft::EntryId& last) const {
  return absl::StrCat(directory_, "/", NameOf(last), kSuffix);
}

std::string SnapshotStore::PartPathOf(const raft::SnapshotId& id) const {
  return absl::StrCat(directory_, "/", NameOf(id.last), "-", id.size, "-",
                      id.checksum, kPartSuffix);
}

raft::SnapshotId SnapshotStore::IdOf(const raft::EntryId& last,
                                     absl::string_view file) {
  return {last, file.size(), Crc32c(file)};
}

absl::Status SnapshotStore::Write(env::FileSystem& fs,
                                  const Snapshot& snapshot) const {
  absl::Status status = MakeDirectory(fs, directory_);
  if (!status.ok()) return status;
  const std::string temporary = absl::StrCat(directory_, "/writing.tmp");
  {
    const auto file = fs.Open(temporary, env::OpenMode::kCreateTruncate);
    if (!file.ok()) return file.status();
    status = (*file)->WriteAt(0, Encode(snapshot));
    if (status.ok()) status = (*file)->Sync();
  }
  if (status.ok()) status = fs.Rename(temporary, PathOf(snapshot.last));
  if (!status.ok()) {
    // What is there of it takes the room that the log may wait for.
    fs.Remove(temporary).IgnoreError();
    return status;
  }
  return fs.SyncDirectory(directory_);
}

absl::StatusOr<std::vector<raft::EntryId>> SnapshotStore::Recover(
    env::FileSystem& fs) const {
  auto found = List(fs);
  if (!found.ok() || found->empty()) return found;
  const absl::Status synced = fs.SyncDirectory(directory_);
  if (!synced.ok()) return synced;
  return found;
}

absl::StatusOr<std::vector<raft::EntryId>> SnapshotStore::List(
    env::FileSystem& fs) const {
  const auto names = fs.List(directory_);
  if (absl::IsNotFound(names.status())) return std::vector<raft::EntryId>();
  if (!names.ok()) return names.status();
  std::vector<raft::EntryId> found;
  for (const std::string& name : *names) {
    if (const auto last = EntryOfName(name)) found.push_back(*last);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

void SnapshotStore::Prune(env::FileSystem& fs, raft::LogIndex known) const {
  const auto found = List(fs);
  if (!found.ok()) return;
  size_t kept = 0;
  for (const raft::EntryId& last : *found) {
    if (last.index > known || ++kept <= kKept) continue;
    fs.Remove(PathOf(last)).IgnoreError();
  }
}

absl::Status SnapshotStore::Remove(env::FileSystem& fs,
                                   const raft::EntryId& last) const {
  const absl::Status removed = fs.Remove(PathOf(last));
  return removed.ok() ? fs.SyncDirectory(directory_) : removed;
}

absl::StatusOr<Snapshot> SnapshotStore::Read(env::FileSystem& fs,
                                             const raft::EntryId& last) const {
  const std::string path = PathOf(last);
  const auto bytes = storage::ReadFile(fs, path);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Snapshot> snapshot = Decode(path, *bytes);
  if (snapshot.ok() && snapshot->last != last) {
    return DamageError(
        absl::StrCat("snapshot ", path, " is one of another entry"));
  }
  return snapshot;
}

absl::StatusOr<std::string> SnapshotStore::ReadFile(
    env::FileSystem& fs, const raft::EntryId& last) const {
  const std::string path = PathOf(last);
  auto bytes = storage::ReadFile(fs, path);
  if (!bytes.ok()) return bytes.status();
  const auto snapshot = Decode(path, *bytes);
  if (!snapshot.ok()) return snapshot.status();
  return bytes;
}

absl::StatusOr<uint64_t> SnapshotStore::BeginReceive(
    env::FileSystem& fs, const raft::SnapshotId& id) const {
  absl::Status status = MakeDirectory(fs, directory_);
  if (!status.ok()) return status;
  const auto names = fs.List(directory_);
  if (!names.ok()) return names.status();
  const std::string part = PartPathOf(id);
  uint64_t offset = 0;
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(directory_, "/", name);
    if (path == part || path == PathOf(id.last)) {
      // The latter was finished, and its installation cut off.
      const auto size = fs.FileSize(path);
      if (!size.ok()) return size.status();
      if (path == part || *size == id.size) offset = std::max(offset, *size);
    } else if (absl::EndsWith(name, kPartSuffix)) {
      fs.Remove(path).IgnoreError();
    }
  }
  if (offset <= id.size) return offset;
  status = fs.Remove(part);
  if (!status.ok()) return status;
  return 0;
}

absl::Status SnapshotStore::Receive(env::FileSystem& fs,
                                    const raft::SnapshotId& id, uint64_t offset,
                                    absl::string_view data) const {
  const auto file =
      fs.Open(PartPathOf(id), offset == 0 ? env::OpenMode::kCreateTruncate
                                          : env::OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  const absl::Status status = (*file)->WriteAt(offset, data);
  return status.ok() ? (*file)->Sync() : status;
}

absl::StatusOr<Snapshot> SnapshotStore::FinishReceive(
    env::FileSystem& fs, const raft::SnapshotId& id) const {
  const std::string part = PartPathOf(id);
  const absl::StatusOr<bool> in_part = fs.Exists(part);
  if (!in_part.ok()) return in_part.status();
  const std::string path = *in_part ? part : PathOf(id.last);
  const auto bytes = storage::ReadFile(fs, path);
  absl::StatusOr<Snapshot> snapshot = DecodeReceived(path, bytes, id);
  if (!bytes.ok() && !IsDamage(snapshot.status())) return snapshot.status();
  if (!snapshot.ok()) {
    const absl::Status removed = fs.Remove(path);
    return removed.ok() ? snapshot : removed;
  }
  // Some of it may be from before a restart, and in the page cache only.
  const auto file = fs.Open(path, env::OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->WriteAt(0, *bytes);
  if (status.ok()) status = (*file)->Sync();
  if (status.ok() && *in_part) status = fs.Rename(part, PathOf(id.last));
  if (status.ok()) status = fs.SyncDirectory(directory_);
  if (!status.ok()) return status;
  return snapshot;
}

}  // namespace jaco::storage
