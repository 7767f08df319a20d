#include "jaco/cmd/data_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/env/posix/errno_status.h"

namespace jaco::cmd {
namespace {

absl::Status CreateParents(const std::string& path) {
  // Without the slash that may end it: `path` itself is not created here, where
  // it would not get its mode.
  const size_t end = path.find_last_not_of('/');
  const auto parent =
      std::filesystem::path(path.substr(0, end + 1)).parent_path();
  std::error_code error;
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (!error) return absl::OkStatus();
  return env::ErrnoStatus("create the parents of data directory", path,
                          error.value());
}

}  // namespace

absl::StatusOr<std::unique_ptr<env::FileLock>> AcquireDataDir(
    const std::string& path, env::FileSystem& files) {
  absl::Status status = CreateParents(path);
  if (status.ok()) status = files.CreateDirectory(path);
  if (!status.ok()) return status;
  // A LOCK file that is there already would open even when nothing else can be
  // created.
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return MakeError(
        ErrorCode::kPermissionDenied,
        absl::StrCat("data directory ", path, " cannot be written: ",
                     std::generic_category().message(errno)));
  }
  auto lock = files.Lock(absl::StrCat(path, "/LOCK"));
  if (lock.status().code() == absl::StatusCode::kFailedPrecondition) {
    return MakeError(
        ErrorCode::kConflict,
        absl::StrCat("data directory ", path, " is in use by another jacod"));
  }
  return lock;
}

absl::StatusOr<TemporaryDir> TemporaryDir::Create() {
  const char* root = getenv("TMPDIR");
  std::string name = absl::StrCat(
      root != nullptr && root[0] != '\0' ? root : "/tmp", "/jaco-dev-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return env::ErrnoStatus("create a directory as", name, errno);
  }
  return TemporaryDir(std::move(name));
}

TemporaryDir::TemporaryDir(std::string path) : path_(std::move(path)) {}

TemporaryDir::TemporaryDir(TemporaryDir&& other)
    : path_(std::exchange(other.path_, "")) {}

TemporaryDir::~TemporaryDir() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace jaco::cmd
