#ifndef JACO_ENV_POSIX_POSIX_FILE_SYSTEM_H_
#define JACO_ENV_POSIX_POSIX_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "jaco/env/file_system.h"

namespace jaco::env {

// The files of the host. Created files have mode 0600. Stateless: any thread.
class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view path,
                                             OpenMode mode) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status Remove(absl::string_view path) override;
  absl::StatusOr<bool> Exists(absl::string_view path) override;
  absl::StatusOr<uint64_t> FileSize(absl::string_view path) override;
  absl::Status CreateDirectory(absl::string_view path) override;
  absl::Status RemoveDirectory(absl::string_view path) override;
  absl::StatusOr<std::vector<std::string>> List(
      absl::string_view directory) override;
  absl::Status SyncDirectory(absl::string_view directory) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      absl::string_view path) override;
};

}  // namespace jaco::env

#endif  // JACO_ENV_POSIX_POSIX_FILE_SYSTEM_H_
