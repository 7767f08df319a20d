#include "jaco/storage/atomic_file.h"

#include <memory>

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

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadWholeFile(
    env::FileSystem& fs, absl::string_view path) {
  const auto file = fs.Open(path, env::OpenMode::kRead);
  if (absl::IsNotFound(file.status())) return std::optional<std::string>();
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::string bytes(*size, '\0');
  const auto got = (*file)->ReadAt(0, bytes.size(), bytes.data());
  if (!got.ok()) return got.status();
  bytes.resize(*got);
  return bytes;
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

}  // namespace jaco::storage
