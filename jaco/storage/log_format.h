// The bytes of a Raft log segment: its name, its header, its records.
// docs/formats.md has the tables.
//
// Every checksum covers the segment's number and the record's offset too, so a
// block that was written to the wrong place, or is left over from another use,
// is not taken for a record.

#ifndef JACO_STORAGE_LOG_FORMAT_H_
#define JACO_STORAGE_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/types.h"

namespace jaco::storage {

inline constexpr uint32_t kLogFormatVersion = 1;
inline constexpr uint64_t kSegmentHeaderBytes = 32;
inline constexpr uint64_t kRecordAlignment = 8;

enum class RecordType : uint8_t {
  kEntry = 1,
  kHardState = 2,
  kSyncMark = 3,    // everything before it was synced
  kLogStart = 4,    // begins every segment
  kSegmentEnd = 5,  // the log goes on in the next segment, which exists
  // Stands for every configuration in front of it (RaftLog::
  // ReplaceConfiguration).
  kConfiguration = 6,
};

// Where the log begins.
struct LogStart {
  // What is compacted away; empty, with last.index 0, when nothing is.
  raft::LogStart raft;
  uint64_t first_segment = 1;  // the first that holds anything still needed
  raft::Term repair_above;     // see RecoveredLog; 0: nothing is missing

  friend bool operator==(const LogStart&, const LogStart&) = default;
};

// The size on disk of a record with so much payload.
constexpr uint64_t RecordBytes(uint64_t payload_bytes) {
  constexpr uint64_t kRecordHeaderBytes = 12;
  return (kRecordHeaderBytes + payload_bytes + kRecordAlignment - 1) /
         kRecordAlignment * kRecordAlignment;
}
inline constexpr uint64_t kHardStateRecordBytes = RecordBytes(16);
inline constexpr uint64_t kSyncMarkBytes = RecordBytes(8);
inline constexpr uint64_t kSegmentEndBytes = RecordBytes(0);
// Header, log start and hard state: what every segment begins with. This is
// the size of the head of a log that was never compacted.
inline constexpr uint64_t kFirstHeadBytes =
    kSegmentHeaderBytes + RecordBytes(32) + kHardStateRecordBytes;

uint64_t ConfigurationRecordBytes(const raft::Configuration& configuration);
uint64_t EntryRecordBytes(const raft::Entry& entry);
uint64_t HeadBytes(const LogStart& start);

// "00000000000000000001.log".
std::string SegmentName(uint64_t sequence);
// Of the same in `directory`.
std::string SegmentPath(absl::string_view directory, uint64_t sequence);
// The inverse; nullopt for the name of anything else.
std::optional<uint64_t> SequenceOfName(absl::string_view name);

// Records to be written to one segment in one piece.
class RecordBuffer {
 public:
  // Empties it; what is added is for `offset` of segment `sequence`.
  void Reset(uint64_t sequence, uint64_t offset, size_t size_hint);

  // `capacity`: the size that the file is made with; 0 when nobody may rely on
  // one.
  void AddSegmentHeader(uint64_t capacity = 0);
  void AddLogStart(const LogStart& start);
  void AddHardState(const raft::HardState& state);
  void AddEntry(const raft::Entry& entry);
  void AddConfiguration(const raft::Configuration& configuration);
  void AddSyncMark();
  void AddSegmentEnd();
  // One with a good checksum and anything in it.
  void AddRecord(RecordType type, absl::string_view payload);

  const std::string& bytes() const { return bytes_; }
  // Where the first record goes, and where the next would.
  uint64_t offset() const { return offset_; }
  uint64_t end() const { return offset_ + bytes_.size(); }

 private:
  // Between them the payload is appended to bytes_.
  size_t BeginRecord();
  void FinishRecord(size_t begin, RecordType type);

  uint64_t sequence_ = 0;
  uint64_t offset_ = 0;
  std::string bytes_;
};

struct Record {
  RecordType type;
  uint64_t offset;
  uint64_t end;
  absl::string_view payload;
};

// The record at `offset` (aligned) of the segment; nullopt when there is no
// valid one with at most `payload_max` bytes of payload.
std::optional<Record> ParseRecord(
    absl::string_view segment, uint64_t sequence, uint64_t offset,
    uint32_t payload_max = std::numeric_limits<uint32_t>::max());

// Whether `segment` begins with a valid header. kFailedPrecondition for one of
// another format version.
absl::StatusOr<bool> CheckSegmentHeader(absl::string_view segment,
                                        uint64_t sequence);

// The size, rounded down to 8, that a segment with a valid header was made
// with.
uint64_t SegmentCapacity(absl::string_view segment);

// kInvalidArgument when it is not the payload of a kLogStart record.
absl::StatusOr<LogStart> DecodeLogStart(absl::string_view payload);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_LOG_FORMAT_H_
