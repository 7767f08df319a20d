#ifndef JACO_CMD_DATA_DIR_H_
#define JACO_CMD_DATA_DIR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "jaco/env/file_system.h"

namespace jaco::cmd {

// Makes `path` ours: creates it (0700, parents too), checks that it can be
// written and takes <path>/LOCK, which the result holds. Errors name the
// directory: conflict (another jacod has it), permission_denied, and as of
// files.
absl::StatusOr<std::unique_ptr<env::FileLock>> AcquireDataDir(
    const std::string& path, env::FileSystem& files);

// A directory of its own below $TMPDIR or /tmp, removed with everything in it.
class TemporaryDir {
 public:
  static absl::StatusOr<TemporaryDir> Create();
  TemporaryDir(TemporaryDir&& other);
  TemporaryDir& operator=(TemporaryDir&&) = delete;
  ~TemporaryDir();

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDir(std::string path);
  std::string path_;
};

}  // namespace jaco::cmd

#endif  // JACO_CMD_DATA_DIR_H_
