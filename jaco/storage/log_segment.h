// One segment of the Raft log, as it is read and as it is written.

#ifndef JACO_STORAGE_LOG_SEGMENT_H_
#define JACO_STORAGE_LOG_SEGMENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "jaco/env/file_system.h"
#include "jaco/storage/log_format.h"

namespace jaco::storage {

// The bytes of a segment and the records found in them. Not copied: the records
// point into `bytes`.
struct SegmentScan {
  SegmentScan() = default;
  SegmentScan(SegmentScan&&) = default;
  SegmentScan& operator=(SegmentScan&&) = default;

  std::string path;
  uint64_t sequence = 0;
  std::string bytes;
  // The first two are log start and hard state, or there are none.
  std::vector<Record> records;
  uint64_t head_end = 0;  // behind the first two
  uint64_t end = 0;       // of the last record; 0 when the head is damaged
  bool finished = false;  // the last record is the segment's end
  uint64_t durable = 0;   // begin of the last sync mark; 0 when there is none

  bool has_head() const { return end != 0; }
  bool EndsInMark() const {
    return !records.empty() && records.back().type == RecordType::kSyncMark;
  }
  // Nothing was ever written behind the head: no append was begun here. For a
  // head that cannot be read: no append was finished, as far as can be told.
  bool HoldsOnlyHead() const;
  // The file is shorter than it was made. That was synced before the segment
  // came into use, so what stood behind its end is lost. Needs the head.
  bool IsCutShort() const;
  // Something behind `end` proves that what stands at `end` was synced once.
  bool MarkedBeyondEnd() const;
  // How many bytes from `end` to the last that is not 0.
  uint64_t TailBytes() const;
};

// kFailedPrecondition for another format version. Damage is no error: it is
// where `records` end.
absl::StatusOr<SegmentScan> ScanSegment(env::FileSystem& fs,
                                        const std::string& path,
                                        uint64_t sequence);

// Makes `scan`'s records durable and what follows them zeros, durable too.
//
// What was read may be in the page cache only: the process before may have died
// between its write and its sync, or its sync may have failed, after which
// Linux calls pages clean that are not on the disk. Writing them again is what
// makes the sync count. That goes for the last mark too: it vouches for what
// stands before it, not for itself, and would leave a hole in front of later
// ones.
absl::Status MakeDurable(const SegmentScan& scan, env::File& file);

// The end of the log. After an error of any call it is of no more use.
class SegmentWriter {
 public:
  // Creates the segment, with `head` (log start and hard state) synced.
  // `capacity` bytes are preallocated.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> Create(
      env::FileSystem& fs, const std::string& directory, uint64_t sequence,
      uint64_t capacity, const LogStart& start, const raft::HardState& state);

  // The same with `entries` behind the head, atomically: there is all of it or
  // no such segment. For a log that takes the place of another.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> CreateFilled(
      env::FileSystem& fs, const std::string& directory, uint64_t sequence,
      uint64_t segment_bytes, const LogStart& start,
      const raft::HardState& state, absl::Span<const raft::EntryPtr> entries);

  // Goes on at `offset` of an existing one.
  SegmentWriter(std::unique_ptr<env::File> file, uint64_t sequence,
                uint64_t offset, uint64_t capacity);

  // Whether so many more bytes of records fit.
  bool Fits(uint64_t record_bytes) const;
  // A head and room for this many bytes of records take this capacity.
  static uint64_t CapacityFor(const LogStart& start, uint64_t record_bytes);

  // An empty buffer for records that go to the end.
  RecordBuffer& NewBatch(size_t size_hint);
  // Writes the batch, syncs, and puts the sync mark behind it.
  absl::Status WriteBatch();
  // Ends the segment, durably.
  absl::Status Finish();
  // A mark that is not synced: what stands before it is durable.
  absl::Status WriteMark();
  // A mark that is: the segment is in use, and stays so when those before it
  // are gone.
  absl::Status WriteDurableMark();

  uint64_t sequence() const { return sequence_; }
  // Where the next record goes.
  uint64_t offset() const { return offset_; }

 private:
  absl::Status WriteHead(const LogStart& start, const raft::HardState& state);
  absl::Status WriteBuffer();

  std::unique_ptr<env::File> file_;
  uint64_t sequence_;
  uint64_t offset_;
  uint64_t capacity_;
  RecordBuffer batch_;
};

}  // namespace jaco::storage

#endif  // JACO_STORAGE_LOG_SEGMENT_H_
