#include "jaco/net/unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace jaco::net {
namespace {

constexpr absl::string_view kDefaultGroup = "jaco";
constexpr mode_t kMode = 0660;

absl::Status Failed(absl::string_view what, absl::string_view path, int error) {
  const std::string message = absl::StrCat(
      what, " ", path, ": ", std::generic_category().message(error));
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::FailedPreconditionError(message);
}

int NewSocket() {
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Whether somebody accepts connections at `address`. A full backlog (EAGAIN)
// has an owner too.
bool SomebodyAnswers(const sockaddr_un& address) {
  const int fd = NewSocket();
  if (fd < 0) return true;
  const int result = connect(fd, Generic(address), sizeof(address));
  const int error = errno;
  close(fd);
  return result == 0 || (error != ECONNREFUSED && error != ENOENT);
}

absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Failed("stat", path, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " exists and is not a socket"));
  }
  if (SomebodyAnswers(address)) {
    return absl::FailedPreconditionError(
        absl::StrCat("another process answers on ", path));
  }
  if (unlink(path.c_str()) != 0) return Failed("remove", path, errno);
  return absl::OkStatus();
}

absl::Status CreateParent(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  if (parent.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (!error) return absl::OkStatus();
  return Failed("create directory", parent.string(), error.value());
}

// The default is best effort: without that group, or the right to give to it,
// the socket stays with our own.
absl::Status GiveToGroup(const std::string& path, absl::string_view name) {
  const bool named = !name.empty();
  const std::string wanted(named ? name : kDefaultGroup);
  group entry = {};
  group* found = nullptr;
  std::vector<char> buffer(16 << 10);
  getgrnam_r(wanted.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return named ? absl::InvalidArgumentError(
                       absl::StrCat("socket_group: there is no group ", wanted))
                 : absl::OkStatus();
  }
  // Nothing to give takes no right to.
  struct stat info = {};
  if (lstat(path.c_str(), &info) == 0 && info.st_gid == found->gr_gid) {
    return absl::OkStatus();
  }
  if (chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) == 0 ||
      !named) {
    return absl::OkStatus();
  }
  return Failed(absl::StrCat("give to group ", wanted, " the socket"), path,
                errno);
}

}  // namespace

absl::StatusOr<sockaddr_un> UnixAddress(absl::string_view path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the socket path \"", path, "\" has ", path.size(), " bytes; 1 to ",
        sizeof(address.sun_path) - 1, " are possible"));
  }
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::StatusOr<UnixListener> UnixListener::Open(absl::string_view path,
                                                absl::string_view group) {
  const auto address = UnixAddress(path);
  if (!address.ok()) return address.status();
  std::string name(path);
  absl::Status status = CreateParent(name);
  if (status.ok()) status = RemoveStale(name, *address);
  if (!status.ok()) return status;
  const int fd = NewSocket();
  if (fd < 0) return Failed("socket", name, errno);
  absl::Cleanup close_it = [fd] { close(fd); };
  if (bind(fd, Generic(*address), sizeof(*address)) != 0) {
    return Failed("bind", name, errno);
  }
  // Nobody can connect before listen, so nobody sees the mode that the umask
  // happened to leave.
  status = GiveToGroup(name, group);
  if (!status.ok()) {
    unlink(name.c_str());
    return status;
  }
  if (chmod(name.c_str(), kMode) != 0) return Failed("chmod", name, errno);
  if (listen(fd, SOMAXCONN) != 0) return Failed("listen", name, errno);
  std::move(close_it).Cancel();
  return UnixListener(fd, std::move(name));
}

UnixListener::UnixListener(int fd, std::string path)
    : fd_(fd), path_(std::move(path)) {
  struct stat info = {};
  if (lstat(path_.c_str(), &info) == 0) {
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
}

UnixListener::UnixListener(UnixListener&& other)
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::exchange(other.path_, "")),
      device_(other.device_),
      inode_(other.inode_) {}

UnixListener::~UnixListener() {
  if (fd_ >= 0) close(fd_);
  struct stat info = {};
  if (!path_.empty() && lstat(path_.c_str(), &info) == 0 &&
      info.st_dev == device_ && info.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

int UnixListener::ReleaseDescriptor() { return std::exchange(fd_, -1); }

}  // namespace jaco::net
