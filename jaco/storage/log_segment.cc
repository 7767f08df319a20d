#include "jaco/storage/log_segment.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::storage {
namespace {

// What stands behind the records of a full segment.
constexpr uint64_t kClosingBytes = kSyncMarkBytes + kSegmentEndBytes;

// What a segment that is being filled is called. No segment's name: left over,
// it is ignored, and written over the next time.
constexpr absl::string_view kFillingName = "filling.tmp";

// Where the bytes that are not 0 end, at or after `from`.
uint64_t NonZeroEnd(absl::string_view bytes, uint64_t from) {
  // A word at a time: of a preallocated segment most is zeros.
  constexpr char kZeros[64] = {};
  uint64_t end = bytes.size();
  while (end >= from + sizeof(kZeros) &&
         std::memcmp(bytes.data() + end - sizeof(kZeros), kZeros,
                     sizeof(kZeros)) == 0) {
    end -= sizeof(kZeros);
  }
  while (end > from && bytes[end - 1] == '\0') --end;
  return std::max(end, from);
}

void ScanRecords(SegmentScan* scan) {
  uint64_t offset = kSegmentHeaderBytes;
  while (!scan->finished) {
    const std::optional<Record> record =
        ParseRecord(scan->bytes, scan->sequence, offset);
    if (!record.has_value()) break;
    scan->records.push_back(*record);
    scan->finished = record->type == RecordType::kSegmentEnd;
    offset = record->end;
    if (record->type == RecordType::kSyncMark) scan->durable = record->offset;
  }
  const std::vector<Record>& records = scan->records;
  if (records.size() >= 2 && records[0].type == RecordType::kLogStart &&
      records[1].type == RecordType::kHardState) {
    scan->head_end = records[1].end;
    scan->end = offset;
  } else {
    scan->records.clear();
    scan->finished = false;
  }
}

}  // namespace

bool SegmentScan::HoldsOnlyHead() const {
  if (has_head()) return end == head_end && TailBytes() == 0;
  // The first head of all has one size only, the others depend on what could
  // not be read.
  if (sequence == 1) return NonZeroEnd(bytes, 0) <= kFirstHeadBytes;
  return !MarkedBeyondEnd();
}

bool SegmentScan::IsCutShort() const {
  const bool in_use = sequence > 1 || !HoldsOnlyHead();
  return in_use && bytes.size() < SegmentCapacity(bytes);
}

bool SegmentScan::MarkedBeyondEnd() const {
  // Longer records are passed by unread: checksumming whatever looks like one,
  // at every place, would take quadratic time on bytes made for it.
  constexpr uint32_t kMarkPayloadMax = 8;
  const uint64_t tail_end = end + TailBytes();
  for (uint64_t at = end; at < tail_end; at += kRecordAlignment) {
    const std::optional<Record> record =
        ParseRecord(bytes, sequence, at, kMarkPayloadMax);
    if (record.has_value() && record->type == RecordType::kSyncMark) {
      return true;
    }
  }
  return false;
}

uint64_t SegmentScan::TailBytes() const { return NonZeroEnd(bytes, end) - end; }

absl::StatusOr<SegmentScan> ScanSegment(env::FileSystem& fs,
                                        const std::string& path,
                                        uint64_t sequence) {
  absl::StatusOr<std::string> bytes = ReadFile(fs, path);
  if (!bytes.ok()) return bytes.status();
  SegmentScan scan;
  scan.path = path;
  scan.sequence = sequence;
  scan.bytes = *std::move(bytes);
  const absl::StatusOr<bool> header = CheckSegmentHeader(scan.bytes, sequence);
  if (!header.ok()) {
    return absl::Status(header.status().code(),
                        absl::StrCat(path, ": ", header.status().message()));
  }
  if (*header) ScanRecords(&scan);
  return scan;
}

absl::Status MakeDurable(const SegmentScan& scan, env::File& file) {
  std::string bytes = scan.bytes.substr(scan.durable, scan.end - scan.durable);
  bytes.append(scan.TailBytes(), '\0');
  const absl::Status written = file.WriteAt(scan.durable, bytes);
  return written.ok() ? file.Sync() : written;
}

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(
    env::FileSystem& fs, const std::string& directory, uint64_t sequence,
    uint64_t capacity, const LogStart& start, const raft::HardState& state) {
  const std::string path = SegmentPath(directory, sequence);
  auto file = fs.Open(path, env::OpenMode::kCreate);
  if (!file.ok()) return file.status();
  auto writer =
      std::make_unique<SegmentWriter>(*std::move(file), sequence, 0, capacity);
  absl::Status status = writer->WriteHead(start, state);
  if (status.ok()) status = fs.SyncDirectory(directory);
  if (status.ok()) return writer;
  // It may be tried again under the same name, unless the file stays. Recovery
  // knows a segment that holds nothing.
  writer.reset();
  const absl::Status removed = fs.Remove(path);
  return removed.ok() ? status : removed;
}

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::CreateFilled(
    env::FileSystem& fs, const std::string& directory, uint64_t sequence,
    uint64_t segment_bytes, const LogStart& start, const raft::HardState& state,
    absl::Span<const raft::EntryPtr> entries) {
  const std::string temporary = absl::StrCat(directory, "/", kFillingName);
  auto file = fs.Open(temporary, env::OpenMode::kCreateTruncate);
  if (!file.ok()) return file.status();
  // Something behind the head tells it from a segment that never came into use.
  uint64_t bytes = kHardStateRecordBytes + kSyncMarkBytes;
  for (const raft::EntryPtr& entry : entries) bytes += EntryRecordBytes(*entry);
  auto writer = std::make_unique<SegmentWriter>(
      *std::move(file), sequence, 0,
      std::max(segment_bytes, CapacityFor(start, bytes)));
  absl::Status status = writer->WriteHead(start, state);
  RecordBuffer& batch = writer->NewBatch(bytes);
  batch.AddHardState(state);
  for (const raft::EntryPtr& entry : entries) batch.AddEntry(*entry);
  if (status.ok()) status = writer->WriteBatch();
  if (status.ok()) status = writer->file_->Sync();  // the mark too
  if (status.ok()) {
    status = fs.Rename(temporary, SegmentPath(directory, sequence));
  }
  if (status.ok()) status = fs.SyncDirectory(directory);
  if (!status.ok()) return status;
  return writer;
}

absl::Status SegmentWriter::WriteHead(const LogStart& start,
                                      const raft::HardState& state) {
  absl::Status status = file_->Preallocate(capacity_);
  if (!status.ok()) return status;
  RecordBuffer& head = NewBatch(HeadBytes(start));
  head.AddSegmentHeader(capacity_);
  head.AddLogStart(start);
  head.AddHardState(state);
  status = WriteBuffer();
  return status.ok() ? file_->Sync() : status;
}

SegmentWriter::SegmentWriter(std::unique_ptr<env::File> file, uint64_t sequence,
                             uint64_t offset, uint64_t capacity)
    : file_(std::move(file)),
      sequence_(sequence),
      offset_(offset),
      capacity_(capacity) {}

bool SegmentWriter::Fits(uint64_t record_bytes) const {
  return offset_ + record_bytes + kClosingBytes <= capacity_;
}

uint64_t SegmentWriter::CapacityFor(const LogStart& start,
                                    uint64_t record_bytes) {
  return HeadBytes(start) + kSyncMarkBytes + record_bytes + kClosingBytes;
}

RecordBuffer& SegmentWriter::NewBatch(size_t size_hint) {
  batch_.Reset(sequence_, offset_, size_hint);
  return batch_;
}

absl::Status SegmentWriter::WriteBatch() {
  absl::Status status = WriteBuffer();
  if (status.ok()) status = file_->Sync();
  return status.ok() ? WriteMark() : status;
}

absl::Status SegmentWriter::Finish() {
  NewBatch(kSegmentEndBytes).AddSegmentEnd();
  const absl::Status status = WriteBuffer();
  return status.ok() ? file_->Sync() : status;
}

absl::Status SegmentWriter::WriteMark() {
  NewBatch(kSyncMarkBytes).AddSyncMark();
  return WriteBuffer();
}

absl::Status SegmentWriter::WriteDurableMark() {
  const absl::Status status = WriteMark();
  return status.ok() ? file_->Sync() : status;
}

absl::Status SegmentWriter::WriteBuffer() {
  const absl::Status status = file_->WriteAt(batch_.offset(), batch_.bytes());
  offset_ = batch_.end();
  return status;
}

}  // namespace jaco::storage
