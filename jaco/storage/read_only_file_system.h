// Files that can be looked at and not changed, for reading the directory of a
// server that does not run.

#ifndef JACO_STORAGE_READ_ONLY_FILE_SYSTEM_H_
#define JACO_STORAGE_READ_ONLY_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"

namespace jaco::storage {

// Everything that would change something is refused with kPermissionDenied.
class ReadOnlyFileSystem final : public env::FileSystem {
 public:
  // `files` outlives this.
  explicit ReadOnlyFileSystem(env::FileSystem& files) : files_(files) {}

  absl::StatusOr<std::unique_ptr<env::File>> Open(absl::string_view path,
                                                  env::OpenMode mode) override {
    if (mode != env::OpenMode::kRead) return Refuse(path);
    return files_.Open(path, mode);
  }
  absl::Status Rename(absl::string_view from, absl::string_view) override {
    return Refuse(from);
  }
  absl::Status Remove(absl::string_view path) override { return Refuse(path); }
  absl::StatusOr<bool> Exists(absl::string_view path) override {
    return files_.Exists(path);
  }
  absl::StatusOr<uint64_t> FileSize(absl::string_view path) override {
    return files_.FileSize(path);
  }
  absl::Status CreateDirectory(absl::string_view path) override {
    return Refuse(path);
  }
  absl::Status RemoveDirectory(absl::string_view path) override {
    return Refuse(path);
  }
  absl::StatusOr<std::vector<std::string>> List(
      absl::string_view directory) override {
    return files_.List(directory);
  }
  absl::Status SyncDirectory(absl::string_view directory) override {
    return Refuse(directory);
  }
  absl::StatusOr<std::unique_ptr<env::FileLock>> Lock(
      absl::string_view path) override {
    return Refuse(path);
  }

 private:
  static absl::Status Refuse(absl::string_view path) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, " is only looked at"));
  }

  env::FileSystem& files_;
};

}  // namespace jaco::storage

#endif  // JACO_STORAGE_READ_ONLY_FILE_SYSTEM_H_
