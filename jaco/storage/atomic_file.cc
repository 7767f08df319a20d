#include "jaco/storage/atomic_file.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jaco::storage {
namespace {

absl::Status WriteAndSync(env::FileSystem& fs, const std::string& path,
                          absl::string_view bytes) {
  const auto file = fs.Open(path, env::OpenMode::kCreateTruncate);
  if (!file.ok()) return file.status();
  const absl::Status written = (*file)->WriteAt(0, bytes);
  return written.ok() ? (*file)->Sync() : written;
}

// The directory that holds the name `path`.
std::string ParentOf(absl::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<size_t>(slash, 1)));
}

}  // namespace

absl::StatusOr<std::string> ReadFile(env::FileSystem& fs,
                                     absl::string_view path) {
  const auto file = fs.Open(path, env::OpenMode::kRead);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::string bytes(*size, '\0');
  const auto got = (*file)->ReadAt(0, bytes.size(), bytes.data());
  if (!got.ok()) return got.status();
  bytes.resize(*got);
  return bytes;
}

absl::StatusOr<std::optional<std::string>> ReadWholeFile(
    env::FileSystem& fs, absl::string_view path) {
  absl::StatusOr<std::string> bytes = ReadFile(fs, path);
  if (absl::IsNotFound(bytes.status())) return std::optional<std::string>();
  if (!bytes.ok()) return bytes.status();
  return *std::move(bytes);
}

absl::Status ReplaceFile(env::FileSystem& fs, absl::string_view directory,
                         absl::string_view name, absl::string_view bytes) {
  const std::string path = absl::StrCat(directory, "/", name);
  const std::string temporary = path + ".tmp";
  absl::Status status = WriteAndSync(fs, temporary, bytes);
  if (status.ok()) status = fs.Rename(temporary, path);
  if (status.ok()) status = fs.SyncDirectory(directory);
  return status;
}

absl::StatusOr<std::optional<std::string>> ReadReplaced(
    env::FileSystem& fs, absl::string_view directory, absl::string_view name) {
  auto bytes = ReadWholeFile(fs, absl::StrCat(directory, "/", name));
  if (!bytes.ok() || !bytes->has_value()) return bytes;
  const absl::Status synced = fs.SyncDirectory(directory);
  if (!synced.ok()) return synced;
  return bytes;
}

absl::Status MakeDirectory(env::FileSystem& fs, absl::string_view path) {
  const absl::Status created = fs.CreateDirectory(path);
  return created.ok() ? fs.SyncDirectory(ParentOf(path)) : created;
}

}  // namespace jaco::storage
