// Reads a Raft log back, tells a torn tail from corruption, and leaves the
// directory ready to be written on.

#ifndef JACO_STORAGE_LOG_RECOVERY_H_
#define JACO_STORAGE_LOG_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"
#include "jaco/storage/log_segment.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {

// Where the log goes on.
struct LogTail {
  std::unique_ptr<SegmentWriter> writer;
  LogStart start;
  // The highest index in each segment, from start.first_segment on; the last is
  // the writer's.
  std::vector<raft::LogIndex> last_indexes;
};

// Removes the segments that come before `first_needed`, as far as they exist.
absl::Status RemoveSegmentsBefore(env::FileSystem& fs,
                                  const std::string& directory,
                                  uint64_t first_needed);

// The same, but from the first on that is damaged they are kept under another
// name (SetAsideName), for whoever looks into it.
absl::Status SetAsideSegmentsBefore(env::FileSystem& fs,
                                    const std::string& directory,
                                    uint64_t first_needed);
inline constexpr size_t kSetAsideMax = 8;  // segments; the newest stay
std::string SetAsideName(uint64_t sequence);

// Whether there is a proof that there was more: in `last`, the last segment, or
// in `promised`, for a log that ends at `offset` of `path` in `state`.
// kDataLoss with a CorruptPlace.
absl::Status CheckTail(const std::string& directory, const SegmentScan& last);
absl::Status CheckReaches(const raft::HardState& promised,
                          const raft::HardState& state, absl::string_view path,
                          uint64_t offset);

// Opens the log in an existing directory, or creates its first segment.
// `promised` was durable after it was in the log. `recovered` is
// default-constructed. Errors: see RaftLog::Open; of damage they
// have a CorruptPlace, and nothing was changed.
absl::StatusOr<LogTail> RecoverLog(env::FileSystem& fs,
                                   const std::string& directory,
                                   uint64_t segment_bytes,
                                   const raft::HardState& promised,
                                   RecoveredLog* recovered);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_LOG_RECOVERY_H_
