#ifndef JACO_ENV_FILE_SYSTEM_H_
#define JACO_ENV_FILE_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::env {

// An open file. Not thread-safe; closed by the destructor (errors on close are
// ignored: what must last has been synced).
//
// Errors of every call, of File and FileSystem alike: kNotFound (no such file
// or directory), kAlreadyExists, kResourceExhausted (no room: ENOSPC, EDQUOT),
// kPermissionDenied (also a read-only file system), kFailedPrecondition (held
// by another process), kDataLoss (EIO), else kInternal. The message names the
// operation, the path and the system's reason.
class File {
 public:
  virtual ~File() = default;

  // Reads up to `size` bytes at `offset` into `out`; fewer only at the end of
  // the file. Returns how many.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, size_t size,
                                        char* out) = 0;

  // Writes all of `data` at `offset`, extending the file as needed; a gap reads
  // as zeros. After an error any part of the range may have been written. Not
  // durable before Sync.
  virtual absl::Status WriteAt(uint64_t offset, absl::string_view data) = 0;

  // Makes every earlier write of this file durable, and its size (fdatasync).
  // After an error it is unknown which writes are durable, and a later Sync
  // that succeeds says nothing about them: the caller must give the file up.
  virtual absl::Status Sync() = 0;

  // Cuts or zero-extends the file to `size`. Durable after Sync.
  virtual absl::Status Truncate(uint64_t size) = 0;

  // Reserves room for `size` bytes and sets the file's size to at least that;
  // the new part reads as zeros. Writes within it cannot fail for want of room.
  virtual absl::Status Preallocate(uint64_t size) = 0;

  virtual absl::StatusOr<uint64_t> Size() = 0;
};

// Held while it lives.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  kRead,            // must exist
  kReadWrite,       // must exist
  kCreate,          // must not exist; read and write
  kCreateTruncate,  // created, or emptied when it exists; read and write
};

// Blocking files. Used only inside a job on a Disk lane. Twins:
// PosixFileSystem, SimFileSystem.
//
// Paths are absolute or relative to the process's directory, '/'-separated. A
// created, renamed or removed name is durable only after SyncDirectory of the
// directory that holds it.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view path,
                                                     OpenMode mode) = 0;
  // Atomic; replaces `to`.
  virtual absl::Status Rename(absl::string_view from, absl::string_view to) = 0;
  virtual absl::Status Remove(absl::string_view path) = 0;
  virtual absl::StatusOr<bool> Exists(absl::string_view path) = 0;
  virtual absl::StatusOr<uint64_t> FileSize(absl::string_view path) = 0;
  // Creates one directory, mode 0700; ok when it exists.
  virtual absl::Status CreateDirectory(absl::string_view path) = 0;
  // Removes an empty directory.
  virtual absl::Status RemoveDirectory(absl::string_view path) = 0;
  // The names (not paths) in a directory, sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(
      absl::string_view directory) = 0;
  virtual absl::Status SyncDirectory(absl::string_view directory) = 0;
  // Takes the exclusive lock that `path` (created when missing) stands for.
  // kFailedPrecondition when another process, or another FileLock of this one,
  // holds it.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      absl::string_view path) = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_FILE_SYSTEM_H_
