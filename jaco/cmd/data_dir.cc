#include "jaco/cmd/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
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

constexpr absl::string_view kPrefix = "jaco-dev-";
// A server that is tried out needs less; a container's /dev/shm may be smaller.
constexpr uint64_t kRoomBytes = 256 << 20;

bool HasRoom(const std::string& path) {
  struct statvfs room = {};
  return access(path.c_str(), W_OK | X_OK) == 0 &&
         statvfs(path.c_str(), &room) == 0 &&
         uint64_t{room.f_bavail} * room.f_frsize >= kRoomBytes;
}

// A descriptor that holds it, which the end of the process closes; -1 when
// somebody else does.
int LockDirectory(const std::string& path) {
  const int fd =
      open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  return -1;
}

// The name of a directory of ours says whose it is. The lock is for those who
// cannot see each other's processes, and for numbers that are used again.
bool IsAbandoned(const std::filesystem::path& path) {
  const std::string name = path.filename();
  absl::string_view rest = name;
  int32_t pid = 0;
  struct stat info = {};
  if (!absl::ConsumePrefix(&rest, kPrefix) ||
      !absl::SimpleAtoi(rest.substr(0, rest.find('-')), &pid) || pid <= 0 ||
      lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
      info.st_uid != geteuid() || kill(pid, 0) == 0 || errno != ESRCH) {
    return false;
  }
  const int lock = LockDirectory(path);
  if (lock >= 0) close(lock);
  return lock >= 0;
}

// What processes left below `root` that were killed.
void RemoveAbandoned(const std::string& root) {
  std::error_code ignored;
  std::vector<std::filesystem::path> found;
  for (std::filesystem::directory_iterator it(root, ignored), end; it != end;
       it.increment(ignored)) {
    if (IsAbandoned(it->path())) found.push_back(it->path());
  }
  for (const auto& path : found) std::filesystem::remove_all(path, ignored);
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
  const std::string memory = "/dev/shm";
  const char* const set = getenv("TMPDIR");
  const std::string disk = set != nullptr && set[0] != '\0' ? set : "/tmp";
  RemoveAbandoned(memory);
  RemoveAbandoned(disk);
  std::string name = absl::StrCat(HasRoom(memory) ? memory : disk, "/", kPrefix,
                                  getpid(), "-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return env::ErrnoStatus("create a directory as", name, errno);
  }
  const int lock = LockDirectory(name);
  return TemporaryDir(std::move(name), lock);
}

TemporaryDir::TemporaryDir(std::string path, int lock)
    : path_(std::move(path)), lock_(lock) {}

TemporaryDir::TemporaryDir(TemporaryDir&& other)
    : path_(std::exchange(other.path_, "")),
      lock_(std::exchange(other.lock_, -1)) {}

TemporaryDir::~TemporaryDir() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  if (lock_ >= 0) close(lock_);
}

}  // namespace jaco::cmd
