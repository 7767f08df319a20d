#include "jaco/env/posix/posix_file_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "jaco/env/posix/errno_status.h"

namespace jaco::env {
namespace {

// Repeats `call` while a signal interrupts it; returns its result.
template <typename Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// Closes what it owns.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    // Never repeated: Linux frees the number even when close is interrupted.
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<Descriptor> OpenDescriptor(const std::string& path, int flags) {
  Descriptor fd(Uninterrupted(
      [&] { return open(path.c_str(), flags | O_CLOEXEC, 0600); }));
  if (fd.get() < 0) return ErrnoStatus("open", path, errno);
  return fd;
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, size_t size,
                                char* out) override {
    size_t done = 0;
    while (done < size) {
      const ssize_t n = Uninterrupted([&] {
        return pread(fd_.get(), out + done, size - done,
                     static_cast<off_t>(offset + done));
      });
      if (n < 0) return ErrnoStatus("read", path_, errno);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  absl::Status WriteAt(uint64_t offset, absl::string_view data) override {
    while (!data.empty()) {
      const ssize_t n = Uninterrupted([&] {
        return pwrite(fd_.get(), data.data(), data.size(),
                      static_cast<off_t>(offset));
      });
      if (n < 0) return ErrnoStatus("write", path_, errno);
      data.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    return Result("sync", Uninterrupted([&] { return fdatasync(fd_.get()); }));
  }

  absl::Status Truncate(uint64_t size) override {
    return Result("truncate", Uninterrupted([&] {
                    return ftruncate(fd_.get(), static_cast<off_t>(size));
                  }));
  }

  absl::Status Preallocate(uint64_t size) override {
    if (size == 0) return absl::OkStatus();
    int error = EINTR;  // Returned, not left in errno.
    while (error == EINTR) {
      error = posix_fallocate(fd_.get(), 0, static_cast<off_t>(size));
    }
    return error == 0 ? absl::OkStatus()
                      : ErrnoStatus("preallocate", path_, error);
  }

  absl::StatusOr<uint64_t> Size() override {
    struct stat info = {};
    if (fstat(fd_.get(), &info) != 0) {
      return ErrnoStatus("stat", path_, errno);
    }
    return static_cast<uint64_t>(info.st_size);
  }

 private:
  absl::Status Result(absl::string_view operation, int result) const {
    return result == 0 ? absl::OkStatus()
                       : ErrnoStatus(operation, path_, errno);
  }

  Descriptor fd_;
  std::string path_;
};

// flock locks belong to the open file description, so that a second Lock
// conflicts also within this process; the kernel frees them when we die.
class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;
};

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kCreateTruncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

absl::Status PathResult(absl::string_view operation, absl::string_view path,
                        int result) {
  return result == 0 ? absl::OkStatus() : ErrnoStatus(operation, path, errno);
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::Open(
    absl::string_view path, OpenMode mode) {
  std::string name(path);
  auto fd = OpenDescriptor(name, FlagsOf(mode));
  if (!fd.ok()) return fd.status();
  return std::make_unique<PosixFile>(*std::move(fd), std::move(name));
}

absl::Status PosixFileSystem::Rename(absl::string_view from,
                                     absl::string_view to) {
  const std::string source(from), target(to);
  return PathResult("rename", from, rename(source.c_str(), target.c_str()));
}

absl::Status PosixFileSystem::Remove(absl::string_view path) {
  return PathResult("remove", path, unlink(std::string(path).c_str()));
}

absl::StatusOr<bool> PosixFileSystem::Exists(absl::string_view path) {
  struct stat info = {};
  if (stat(std::string(path).c_str(), &info) == 0) return true;
  if (errno == ENOENT) return false;
  return ErrnoStatus("stat", path, errno);
}

absl::StatusOr<uint64_t> PosixFileSystem::FileSize(absl::string_view path) {
  struct stat info = {};
  if (stat(std::string(path).c_str(), &info) != 0) {
    return ErrnoStatus("stat", path, errno);
  }
  return static_cast<uint64_t>(info.st_size);
}

absl::Status PosixFileSystem::CreateDirectory(absl::string_view path) {
  const std::string name(path);
  if (mkdir(name.c_str(), 0700) == 0) return absl::OkStatus();
  const int error = errno;
  struct stat info = {};
  if (error == EEXIST && stat(name.c_str(), &info) == 0 &&
      S_ISDIR(info.st_mode)) {
    return absl::OkStatus();
  }
  return ErrnoStatus("create directory", path, error);
}

absl::Status PosixFileSystem::RemoveDirectory(absl::string_view path) {
  return PathResult("remove directory", path, rmdir(std::string(path).c_str()));
}

absl::StatusOr<std::vector<std::string>> PosixFileSystem::List(
    absl::string_view directory) {
  const std::string name(directory);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(name.c_str()),
                                                   closedir);
  if (stream == nullptr) return ErrnoStatus("list", directory, errno);
  std::vector<std::string> names;
  errno = 0;  // How readdir tells an error from the end.
  while (const dirent* entry = readdir(stream.get())) {
    const absl::string_view found = entry->d_name;
    if (found != "." && found != "..") names.emplace_back(found);
  }
  if (errno != 0) return ErrnoStatus("list", directory, errno);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status PosixFileSystem::SyncDirectory(absl::string_view directory) {
  const auto fd =
      OpenDescriptor(std::string(directory), O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return fd.status();
  return PathResult("sync directory", directory,
                    Uninterrupted([&] { return fsync(fd->get()); }));
}

absl::StatusOr<std::unique_ptr<FileLock>> PosixFileSystem::Lock(
    absl::string_view path) {
  auto fd = OpenDescriptor(std::string(path), O_RDWR | O_CREAT);
  if (!fd.ok()) return fd.status();
  if (Uninterrupted([&] { return flock(fd->get(), LOCK_EX | LOCK_NB); }) != 0) {
    return ErrnoStatus("lock", path, errno);
  }
  return std::make_unique<PosixFileLock>(*std::move(fd));
}

}  // namespace jaco::env
