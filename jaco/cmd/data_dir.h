#ifndef JACO_CMD_DATA_DIR_H_
#define JACO_CMD_DATA_DIR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "jaco/env/file_system.h"

namespace jaco::cmd {

// Makes `path` ours: creates it (0700, parents too), checks that it can be
// written and takes <path>/LOCK, which the result holds. Errors name the
// directory: conflict (another jacod has it), permission_denied (also a
// read-only file system), and as of files.
absl::StatusOr<std::unique_ptr<env::FileLock>> AcquireDataDir(
    const std::string& path, env::FileSystem& files);

// A directory of its own, removed with everything in it: in memory (/dev/shm)
// where there is room, else below $TMPDIR or /tmp.
class TemporaryDir {
 public:
  // Also removes those of this user whose processes were killed.
  static absl::StatusOr<TemporaryDir> Create();
  TemporaryDir(TemporaryDir&& other);
  TemporaryDir& operator=(TemporaryDir&&) = delete;
  ~TemporaryDir();

  const std::string& path() const { return path_; }

 private:
  TemporaryDir(std::string path, int lock);
  std::string path_;
  int lock_;  // a descriptor; -1: none
};

}  // namespace jaco::cmd

#endif  // JACO_CMD_DATA_DIR_H_
