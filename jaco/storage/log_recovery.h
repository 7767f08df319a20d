// Reads a Raft log back, tells a torn tail from corruption, and leaves the
// directory ready to be written on.

#ifndef JACO_STORAGE_LOG_RECOVERY_H_
#define JACO_STORAGE_LOG_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"
#include "jaco/storage/log_segment.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {

// Where the log goes on.
struct LogTail {
  std::unique_ptr<SegmentWriter> writer;
  uint64_t first_segment = 1;
};

// Opens the log in an existing directory, or creates its first segment.
// `recovered` is default-constructed. Errors: see RaftLog::Open.
absl::StatusOr<LogTail> RecoverLog(env::FileSystem& fs,
                                   const std::string& directory,
                                   uint64_t segment_bytes,
                                   RecoveredLog* recovered);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_LOG_RECOVERY_H_
