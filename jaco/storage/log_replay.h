// What the records of a log mean, one after the other.

#ifndef JACO_STORAGE_LOG_REPLAY_H_
#define JACO_STORAGE_LOG_REPLAY_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "jaco/storage/log_segment.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {

// Fills a RecoveredLog, segment by segment in order.
class LogReplay {
 public:
  // `start` is what the newest segment says.
  LogReplay(const LogStart& start, RecoveredLog* log);

  // kDataLoss, with path and offset, for records that cannot follow what came
  // before.
  absl::Status Replay(const SegmentScan& segment);
  // After the last segment: drops what is compacted away. Until here it is
  // kept, because entries that were replaced later may stand behind it.
  // kDataLoss when the entries do not fit the log's start.
  absl::Status Finish(const SegmentScan& last);
  // The highest index of the entries in the segment of the last call; 0: none.
  raft::LogIndex segment_last() const { return segment_last_; }

 private:
  absl::Status ReplayRecord(const SegmentScan& segment, const Record& record);
  absl::Status ReplayLogStart(const Record& record);
  absl::Status ReplayHardState(const Record& record, bool in_head);
  absl::Status ReplayEntry(const Record& record);
  absl::Status ReplayConfiguration(const Record& record);

  RecoveredLog* log_;
  const raft::Configuration start_configuration_;
  bool at_first_segment_ = true;
  raft::LogIndex segment_last_;
  // Replaced in the segment of the last call, so behind its head.
  std::optional<raft::Configuration> segment_configuration_;
  // The index before the first of the entries; nullopt while that may be any.
  std::optional<raft::LogIndex> begin_;
};

// The head of a segment that has one.
absl::StatusOr<LogStart> LogStartOf(const SegmentScan& segment);

// kDataLoss that names the place.
absl::Status Corrupt(absl::string_view path, uint64_t offset,
                     absl::string_view reason);
// The place in a status that Corrupt made; nullopt for others: the disk refused
// to work.
struct LogPlace {
  uint64_t segment = 0;
  uint64_t offset = 0;
};
std::optional<LogPlace> CorruptPlace(const absl::Status& status);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_LOG_REPLAY_H_
