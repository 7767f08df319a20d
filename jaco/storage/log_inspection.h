// Looks at the Raft log of a server that does not run, without repairing or
// changing anything, and in spite of damage.

#ifndef JACO_STORAGE_LOG_INSPECTION_H_
#define JACO_STORAGE_LOG_INSPECTION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/file_system.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {

struct SegmentInfo {
  std::string name;
  uint64_t bytes = 0;  // of the file
  uint64_t used = 0;   // by valid records
  size_t records = 0;
  bool needed = false;  // else it is left over from a compaction
};

struct LogInspection {
  // What RaftLog::Open would find; up to the first damage when there is any.
  RecoveredLog log;
  std::vector<SegmentInfo> segments;
  // kDataLoss or an error of the file system, each naming the file, damage also
  // the offset. Empty when the log is sound.
  std::vector<absl::Status> damage;
};

// An error when `directory` cannot be listed.
absl::StatusOr<LogInspection> InspectLog(env::FileSystem& fs,
                                         const std::string& directory);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_LOG_INSPECTION_H_
