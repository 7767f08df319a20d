#include "jaco/server/former_data.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jaco/server/data_dir.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::server {
namespace {

// While it is there, nothing else in the directory counts. What it says becomes
// of that; nothing is "keep".
constexpr char kMark[] = "leaving";
constexpr absl::string_view kDiscard = "discard";
// The parts, any order will do.
constexpr const char* kParts[] = {"raft", "snapshots", "state", "identity"};

// A file, or a directory of files.
absl::Status RemoveAll(env::FileSystem& fs, const std::string& path) {
  const absl::StatusOr<bool> exists = fs.Exists(path);
  if (!exists.ok() || !*exists) return exists.status();
  const auto names = fs.List(path);
  if (absl::IsDataLoss(names.status()) ||
      absl::IsResourceExhausted(names.status())) {
    return names.status();
  }
  if (!names.ok()) return fs.Remove(path);
  for (const std::string& name : *names) {
    absl::Status removed = fs.Remove(absl::StrCat(path, "/", name));
    if (!removed.ok()) return removed;
  }
  return fs.RemoveDirectory(path);
}

}  // namespace

absl::Status BeginSettingAside(env::FileSystem& fs, const std::string& path,
                               bool keep) {
  absl::Status status =
      storage::MakeDirectory(fs, absl::StrCat(path, "/former"));
  if (!status.ok()) return status;
  status = storage::ReplaceFile(fs, path, kMark, keep ? "" : kDiscard);
  if (!absl::IsResourceExhausted(status)) return status;
  // It may be there all the same.
  const absl::Status removed = fs.Remove(absl::StrCat(path, "/", kMark));
  if (!removed.ok() && !absl::IsNotFound(removed)) {
    return absl::DataLossError(removed.message());
  }
  const absl::Status synced = fs.SyncDirectory(path);
  return synced.ok() ? status : absl::DataLossError(synced.message());
}

absl::Status SetDataAside(env::FileSystem& fs, const std::string& path,
                          bool keep) {
  absl::Status status = BeginSettingAside(fs, path, keep);
  return status.ok() ? FinishSettingAside(fs, path) : status;
}

absl::Status FinishSettingAside(env::FileSystem& fs, const std::string& path) {
  const std::string mark = absl::StrCat(path, "/", kMark);
  const auto begun = storage::ReadReplaced(fs, path, kMark);
  if (!begun.ok() || !begun->has_value()) return begun.status();
  const bool discard = **begun == kDiscard;
  const std::string former = absl::StrCat(path, "/former");
  absl::Status status = storage::MakeDirectory(fs, former);
  for (const std::string part : kParts) {
    if (!status.ok()) return status;
    const std::string from = absl::StrCat(path, "/", part);
    const absl::StatusOr<bool> left = fs.Exists(from);
    if (!left.ok()) return left.status();
    if (!*left) continue;  // moved before the crash, or never there
    const std::string to = absl::StrCat(former, "/", part);
    status = RemoveAll(fs, discard ? from : to);
    if (status.ok() && !discard) status = fs.Rename(from, to);
  }
  if (status.ok()) status = fs.SyncDirectory(former);
  if (status.ok()) status = fs.SyncDirectory(path);
  if (status.ok()) status = fs.Remove(mark);
  return status.ok() ? fs.SyncDirectory(path) : status;
}

}  // namespace jaco::server
