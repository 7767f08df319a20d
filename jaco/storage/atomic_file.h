// Small files that are there whole or not at all.

#ifndef JACO_STORAGE_ATOMIC_FILE_H_
#define JACO_STORAGE_ATOMIC_FILE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"

namespace jaco::storage {

// The content of `path`; nullopt when there is no such file.
absl::StatusOr<std::optional<std::string>> ReadWholeFile(
    env::FileSystem& fs, absl::string_view path);

// Makes `bytes` the content of <directory>/<name>, durably: after an error, or
// a crash, the file is as it was, or new. Mode 0600. The directory exists.
absl::Status ReplaceFile(env::FileSystem& fs, absl::string_view directory,
                         absl::string_view name, absl::string_view bytes);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_ATOMIC_FILE_H_
