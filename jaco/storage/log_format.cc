#include "jaco/storage/log_format.h"

#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/raft/codec.h"

namespace jaco::storage {
namespace {

constexpr char kSegmentMagic[] = "jacolog\n";
constexpr size_t kMagicBytes = sizeof(kSegmentMagic) - 1;
constexpr uint16_t kRecordMagic = 0x4a52;
constexpr size_t kRecordHeaderBytes = 12;
constexpr uint64_t kCapacityUnit = 8;
constexpr absl::string_view kSuffix = ".log";
constexpr size_t kDigits = 20;

// `bytes` is a whole record but for its first field, the checksum.
uint32_t RecordChecksum(uint64_t sequence, uint64_t offset,
                        absl::string_view bytes) {
  char place[16];
  StoreLittleEndian(sequence, place);
  StoreLittleEndian(offset, place + 8);
  return Crc32c(bytes, Crc32c(absl::string_view(place, sizeof(place))));
}

// A log that is whole begins with its founding entries, not a configuration.
std::string EncodeStartConfiguration(const LogStart& start) {
  if (start.raft.last.index.value() == 0) return "";
  return raft::EncodeConfiguration(start.raft.configuration);
}

}  // namespace

uint64_t ConfigurationRecordBytes(const raft::Configuration& configuration) {
  return RecordBytes(raft::EncodeConfiguration(configuration).size());
}

uint64_t EntryRecordBytes(const raft::Entry& entry) {
  return RecordBytes(raft::EncodedEntrySize(entry));
}

uint64_t HeadBytes(const LogStart& start) {
  return kFirstHeadBytes - RecordBytes(32) +
         RecordBytes(32 + EncodeStartConfiguration(start).size());
}

std::string SegmentName(uint64_t sequence) {
  return absl::StrFormat("%020u%s", sequence, kSuffix);
}

std::string SegmentPath(absl::string_view directory, uint64_t sequence) {
  return absl::StrCat(directory, "/", SegmentName(sequence));
}

std::optional<uint64_t> SequenceOfName(absl::string_view name) {
  uint64_t sequence = 0;
  if (!absl::ConsumeSuffix(&name, kSuffix) || name.size() != kDigits ||
      !absl::ascii_isdigit(name.front()) ||
      !absl::SimpleAtoi(name, &sequence)) {
    return std::nullopt;
  }
  return sequence;
}

void RecordBuffer::Reset(uint64_t sequence, uint64_t offset, size_t size_hint) {
  sequence_ = sequence;
  offset_ = offset;
  bytes_.clear();
  bytes_.reserve(size_hint);
}

void RecordBuffer::AddSegmentHeader(uint64_t capacity) {
  const size_t begin = bytes_.size();
  bytes_.append(kSegmentMagic, kMagicBytes);
  AppendLittleEndian(kLogFormatVersion, &bytes_);
  AppendLittleEndian(uint32_t{0}, &bytes_);
  AppendLittleEndian(sequence_, &bytes_);
  AppendLittleEndian(static_cast<uint32_t>(capacity / kCapacityUnit), &bytes_);
  AppendLittleEndian(Crc32c(absl::string_view(bytes_).substr(begin)), &bytes_);
}

void RecordBuffer::AddLogStart(const LogStart& start) {
  const size_t begin = BeginRecord();
  AppendLittleEndian(start.raft.last.term.value(), &bytes_);
  AppendLittleEndian(start.raft.last.index.value(), &bytes_);
  AppendLittleEndian(start.first_segment, &bytes_);
  AppendLittleEndian(start.repair_above.value(), &bytes_);
  bytes_.append(EncodeStartConfiguration(start));
  FinishRecord(begin, RecordType::kLogStart);
}

void RecordBuffer::AddHardState(const raft::HardState& state) {
  AddRecord(RecordType::kHardState, raft::EncodeHardState(state));
}

void RecordBuffer::AddEntry(const raft::Entry& entry) {
  const size_t begin = BeginRecord();
  raft::AppendEntry(entry, &bytes_);
  FinishRecord(begin, RecordType::kEntry);
}

void RecordBuffer::AddConfiguration(const raft::Configuration& configuration) {
  AddRecord(RecordType::kConfiguration,
            raft::EncodeConfiguration(configuration));
}

void RecordBuffer::AddSyncMark() {
  const uint64_t durable_to = end();
  const size_t begin = BeginRecord();
  AppendLittleEndian(durable_to, &bytes_);
  FinishRecord(begin, RecordType::kSyncMark);
}

void RecordBuffer::AddSegmentEnd() { AddRecord(RecordType::kSegmentEnd, ""); }

void RecordBuffer::AddRecord(RecordType type, absl::string_view payload) {
  const size_t begin = BeginRecord();
  bytes_.append(payload.data(), payload.size());
  FinishRecord(begin, type);
}

size_t RecordBuffer::BeginRecord() {
  const size_t begin = bytes_.size();
  bytes_.append(kRecordHeaderBytes, '\0');
  return begin;
}

void RecordBuffer::FinishRecord(size_t begin, RecordType type) {
  const size_t payload = bytes_.size() - begin - kRecordHeaderBytes;
  bytes_.resize(begin + RecordBytes(payload));
  char* header = bytes_.data() + begin;
  StoreLittleEndian(kRecordMagic, header + 4);
  StoreLittleEndian(static_cast<uint8_t>(type), header + 6);
  StoreLittleEndian(static_cast<uint32_t>(payload), header + 8);
  StoreLittleEndian(RecordChecksum(sequence_, offset_ + begin,
                                   absl::string_view(bytes_).substr(begin + 4)),
                    header);
}

std::optional<Record> ParseRecord(absl::string_view segment, uint64_t sequence,
                                  uint64_t offset, uint32_t payload_max) {
  if (offset + kRecordHeaderBytes > segment.size()) return std::nullopt;
  const char* header = segment.data() + offset;
  // Nearly all places that are no record end here, before any checksum.
  if (LoadLittleEndian<uint16_t>(header + 4) != kRecordMagic) {
    return std::nullopt;
  }
  const auto payload = LoadLittleEndian<uint32_t>(header + 8);
  const uint64_t size = RecordBytes(payload);
  if (payload > payload_max || size > segment.size() - offset) {
    return std::nullopt;
  }
  if (LoadLittleEndian<uint32_t>(header) !=
      RecordChecksum(sequence, offset, segment.substr(offset + 4, size - 4))) {
    return std::nullopt;
  }
  return Record{static_cast<RecordType>(header[6]), offset, offset + size,
                segment.substr(offset + kRecordHeaderBytes, payload)};
}

absl::StatusOr<bool> CheckSegmentHeader(absl::string_view segment,
                                        uint64_t sequence) {
  if (segment.size() < kSegmentHeaderBytes) return false;
  const char* header = segment.data();
  const bool valid =
      std::memcmp(header, kSegmentMagic, kMagicBytes) == 0 &&
      LoadLittleEndian<uint64_t>(header + 16) == sequence &&
      LoadLittleEndian<uint32_t>(header + 28) == Crc32c(segment.substr(0, 28));
  const auto version = LoadLittleEndian<uint32_t>(header + 8);
  if (valid && version != kLogFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("format version ", version, "; this build knows version ",
                     kLogFormatVersion));
  }
  return valid;
}

uint64_t SegmentCapacity(absl::string_view segment) {
  return kCapacityUnit * LoadLittleEndian<uint32_t>(segment.data() + 24);
}

absl::StatusOr<LogStart> DecodeLogStart(absl::string_view payload) {
  ByteReader reader(payload);
  LogStart start;
  raft::EntryId& last = start.raft.last;
  last.term = raft::Term(reader.Read<uint64_t>());
  last.index = raft::LogIndex(reader.Read<uint64_t>());
  start.first_segment = reader.Read<uint64_t>();
  start.repair_above = raft::Term(reader.Read<uint64_t>());
  const bool compacted = last.index.value() > 0;
  if (!reader.ok() || compacted == reader.AtEnd()) {
    return absl::InvalidArgumentError("log start has the wrong size");
  }
  if (!compacted && last.term > raft::Term()) {
    return absl::InvalidArgumentError("log start has a term and no index");
  }
  if (!compacted) return start;
  absl::StatusOr<raft::Configuration> configuration =
      raft::DecodeConfiguration(reader.ReadBytes(reader.remaining()));
  if (!configuration.ok()) return configuration.status();
  start.raft.configuration = *std::move(configuration);
  return start;
}

}  // namespace jaco::storage
