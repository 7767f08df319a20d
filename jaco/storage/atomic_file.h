// Files and directories that are there whole, and durable, or not at all.

#ifndef JACO_STORAGE_ATOMIC_FILE_H_
#define JACO_STORAGE_ATOMIC_FILE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"

namespace jaco::storage {

// The content of `path`; kNotFound when there is no such file.
absl::StatusOr<std::string> ReadFile(env::FileSystem& fs,
                                     absl::string_view path);
// The same; nullopt when there is no such file.
absl::StatusOr<std::optional<std::string>> ReadWholeFile(
    env::FileSystem& fs, absl::string_view path);

// Makes `bytes` the content of <directory>/<name>, durably: after an error, or
// a crash, the file is as it was, or new. Mode 0600. The directory exists.
absl::Status ReplaceFile(env::FileSystem& fs, absl::string_view directory,
                         absl::string_view name, absl::string_view bytes);

// What ReplaceFile left there; nullopt when there is none. Durable from here
// on: whoever wrote it may have ended before it was, and what is read here must
// not be gone after the next power loss.
absl::StatusOr<std::optional<std::string>> ReadReplaced(
    env::FileSystem& fs, absl::string_view directory, absl::string_view name);

// Makes the directory `path`, durably; its parent exists. Also syncs the parent
// of one that is there: whoever made it may not have got that far.
absl::Status MakeDirectory(env::FileSystem& fs, absl::string_view path);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_ATOMIC_FILE_H_
