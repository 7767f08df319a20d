#include "jaco/storage/promise.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"

namespace jaco::storage {
namespace {

constexpr absl::string_view kMagic = "jacoprm\n";
// Version 1 had the second copy at 512.
constexpr uint32_t kVersion = 2;
constexpr uint64_t kCopyBytes = 512;
// In blocks of their own: a sector that a disk tears or loses has up to 4 KiB,
// and where one is unreadable the kernel gives back nothing of its page.
constexpr uint64_t kSecondCopyAt = 4096;
constexpr uint64_t kFileBytes = kSecondCopyAt + kCopyBytes;
constexpr uint64_t kCopiesAt[] = {0, kCopyBytes, kSecondCopyAt};
// What the checksum covers and where it stands, in these versions. A copy says
// it itself, so that one of another version is told from a damaged one.
constexpr uint32_t kChecksumAt = 56;

std::string EncodeCopy(const Promise& promise) {
  std::string bytes(kMagic);
  AppendLittleEndian(kVersion, &bytes);
  AppendLittleEndian(kChecksumAt, &bytes);
  AppendLittleEndian(promise.hard_state.term.value(), &bytes);
  AppendLittleEndian(promise.hard_state.voted_for.value(), &bytes);
  AppendLittleEndian(promise.sole_voter.value(), &bytes);
  AppendLittleEndian(promise.damaged_segment, &bytes);
  AppendLittleEndian(promise.damaged_offset, &bytes);
  JACO_CHECK(bytes.size() == kChecksumAt);
  AppendLittleEndian(Crc32c(bytes), &bytes);
  bytes.resize(kCopyBytes, '\0');
  return bytes;
}

// nullopt for what no encoder has made; kFailedPrecondition for what one of
// another version has.
absl::StatusOr<std::optional<Promise>> DecodeCopy(absl::string_view bytes) {
  ByteReader reader(bytes);
  const bool magic = reader.ReadBytes(kMagic.size()) == kMagic;
  const auto version = reader.Read<uint32_t>();
  const auto covered = reader.Read<uint32_t>();
  if (!magic || covered > kCopyBytes - sizeof(uint32_t) ||
      LoadLittleEndian<uint32_t>(bytes.data() + covered) !=
          Crc32c(bytes.substr(0, covered))) {
    return std::nullopt;
  }
  if (version == 0 || version > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("format version ", version,
                     "; this build knows versions up to ", kVersion));
  }
  if (covered != kChecksumAt) return std::nullopt;
  Promise promise;
  promise.hard_state.term = raft::Term(reader.Read<uint64_t>());
  promise.hard_state.voted_for = raft::NodeId(reader.Read<uint64_t>());
  promise.sole_voter = raft::NodeId(reader.Read<uint64_t>());
  promise.damaged_segment = reader.Read<uint64_t>();
  promise.damaged_offset = reader.Read<uint64_t>();
  return promise;
}

// Zeros for a copy that the disk refuses to give back, which `refused` says:
// the other stands for it.
absl::StatusOr<std::string> ReadCopies(env::File& file, absl::Status* refused) {
  std::string bytes(kFileBytes, '\0');
  absl::StatusOr<size_t> got = file.ReadAt(0, bytes.size(), bytes.data());
  if (got.ok()) return bytes;
  if (!absl::IsDataLoss(got.status())) return got.status();
  bytes.assign(bytes.size(), '\0');
  for (const uint64_t at : kCopiesAt) {
    got = file.ReadAt(at, kCopyBytes, &bytes[at]);
    if (got.ok()) continue;
    if (!absl::IsDataLoss(got.status())) return got.status();
    std::fill_n(&bytes[at], kCopyBytes, '\0');
    *refused = got.status();
  }
  return bytes;
}

// Of the two that a write that was cut off leaves: later ones of a term have a
// vote.
bool IsLater(const Promise& a, const Promise& b) {
  if (a.hard_state.term != b.hard_state.term) {
    return a.hard_state.term > b.hard_state.term;
  }
  return b.hard_state.voted_for == raft::kNoNode;
}

}  // namespace

PromiseFile::PromiseFile(absl::string_view log_directory)
    : directory_(log_directory),
      path_(absl::StrCat(log_directory, "/promise")) {}

absl::StatusOr<std::optional<Promise>> PromiseFile::Load(
    env::FileSystem& fs) const {
  std::optional<Promise> found;
  const auto file = fs.Open(path_, env::OpenMode::kRead);
  if (absl::IsNotFound(file.status())) return found;
  if (!file.ok()) return file.status();
  absl::Status refused;
  const auto read = ReadCopies(**file, &refused);
  if (!read.ok()) return read.status();
  const std::string& bytes = *read;
  for (const uint64_t at : kCopiesAt) {
    const auto copy =
        DecodeCopy(absl::string_view(bytes).substr(at, kCopyBytes));
    if (!copy.ok()) {
      return absl::Status(copy.status().code(),
                          absl::StrCat(path_, ": ", copy.status().message()));
    }
    if (!copy->has_value()) continue;
    if (!found.has_value() || IsLater(**copy, *found)) found = *copy;
  }
  // Perhaps there is one.
  if (!found.has_value() && !refused.ok()) return refused;
  return found;
}

absl::Status PromiseFile::Store(env::FileSystem& fs, const Promise& promise) {
  if (file_ == nullptr) {
    const absl::Status opened = Open(fs);
    if (!opened.ok()) return opened;
  }
  std::string bytes = EncodeCopy(promise);
  bytes.resize(kSecondCopyAt, '\0');
  bytes.append(bytes, 0, kCopyBytes);
  const absl::Status written = file_->WriteAt(0, bytes);
  return written.ok() ? file_->Sync() : written;
}

absl::Status PromiseFile::Open(env::FileSystem& fs) {
  auto file = fs.Open(path_, env::OpenMode::kReadWrite);
  const bool fresh = absl::IsNotFound(file.status());
  if (fresh) file = fs.Open(path_, env::OpenMode::kCreate);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Preallocate(kFileBytes);
  // Also when it was there: the process that made it may not have got this far.
  if (status.ok()) status = fs.SyncDirectory(directory_);
  if (status.ok()) {
    file_ = *std::move(file);
  } else if (fresh) {
    fs.Remove(path_).IgnoreError();
  }
  return status;
}

}  // namespace jaco::storage
