#include "jaco/sim/storage/raft_log_fuzz.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/prng.h"
#include "jaco/raft/codec.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/storage/log_format.h"
#include "jaco/storage/log_inspection.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {
namespace {

constexpr char kDirectory[] = "data/log";
constexpr uint8_t kPromiseNumber = 0;
constexpr uint8_t kFilesMax = 16;
constexpr uint64_t kPromiseCopyBytes = 512;

// By number; that of the promise is 0.
using Files = std::map<uint64_t, std::string>;

std::string PathOf(uint64_t number) {
  return absl::StrCat(
      kDirectory, "/",
      number == kPromiseNumber ? "promise" : SegmentName(number));
}

std::string PromiseCopy(uint32_t version, absl::string_view fields) {
  fields = fields.substr(0, kPromiseCopyBytes - 20);
  std::string bytes = "jacoprm\n";
  AppendLittleEndian(version, &bytes);
  AppendLittleEndian(static_cast<uint32_t>(16 + fields.size()), &bytes);
  absl::StrAppend(&bytes, fields);
  AppendLittleEndian(Crc32c(bytes), &bytes);
  bytes.resize(kPromiseCopyBytes);
  return bytes;
}

void AddRecord(uint64_t number, uint8_t type, absl::string_view payload,
               std::string* file) {
  if (number == kPromiseNumber) {
    file->append(PromiseCopy(type, payload));
    return;
  }
  file->resize((file->size() + kRecordAlignment - 1) / kRecordAlignment *
               kRecordAlignment);
  RecordBuffer buffer;
  buffer.Reset(number, file->size(), payload.size());
  buffer.AddRecord(static_cast<RecordType>(type), payload);
  file->append(buffer.bytes());
}

void Take(uint64_t number, uint8_t action, absl::string_view bytes,
          std::string* file) {
  if (action <= static_cast<uint8_t>(FuzzAction::kRecordMax)) {
    AddRecord(number, action, bytes, file);
    return;
  }
  ByteReader reader(bytes);
  const auto place = reader.Read<uint16_t>();
  switch (static_cast<FuzzAction>(action)) {
    case FuzzAction::kBytes:
      file->append(bytes.data(), bytes.size());
      break;
    case FuzzAction::kHeader: {
      RecordBuffer buffer;
      buffer.Reset(number, 0, kSegmentHeaderBytes);
      buffer.AddSegmentHeader(place);
      file->append(buffer.bytes());
      break;
    }
    case FuzzAction::kSyncMark: {
      std::string payload;
      AppendLittleEndian<uint64_t>(file->size(), &payload);
      AddRecord(number, static_cast<uint8_t>(RecordType::kSyncMark), payload,
                file);
      break;
    }
    case FuzzAction::kZerosTo:
      file->resize(std::max<size_t>(file->size(), place));
      break;
    case FuzzAction::kOverwrite: {
      const absl::string_view with = reader.ReadBytes(reader.remaining());
      if (place > file->size()) break;
      file->replace(place, std::min(with.size(), file->size() - place),
                    with.data(), std::min(with.size(), file->size() - place));
      break;
    }
    case FuzzAction::kCutTo:
      file->resize(std::min<size_t>(file->size(), place));
      break;
    default:
      break;
  }
}

Files Make(absl::string_view program) {
  Files files;
  ByteReader reader(program);
  while (true) {
    const auto number = reader.Read<uint8_t>();
    const auto action = reader.Read<uint8_t>();
    const auto length = reader.Read<uint16_t>();
    const absl::string_view bytes = reader.ReadBytes(length);
    if (!reader.ok()) return files;
    if (number >= kFilesMax) continue;
    Take(number, action, bytes, &files[number]);
  }
}

std::unique_ptr<sim::SimFileSystem> Write(const Files& files) {
  auto fs = std::make_unique<sim::SimFileSystem>(Prng(1));
  JACO_CHECK(fs->CreateDirectory("data").ok());
  JACO_CHECK(fs->CreateDirectory(kDirectory).ok());
  for (const auto& [number, bytes] : files) {
    auto file = fs->Open(PathOf(number), env::OpenMode::kCreate).value();
    JACO_CHECK(file->WriteAt(0, bytes).ok());
    JACO_CHECK(file->Sync().ok());
  }
  JACO_CHECK(fs->SyncDirectory(kDirectory).ok());
  return fs;
}

// ---- What the records say, read as simply as can be.

struct Reading {
  raft::HardState hard_state;
  std::map<uint64_t, raft::EntryPtr> entries;
};

void Replace(const raft::Configuration& configuration, Reading* reading) {
  for (auto& [index, entry] : reading->entries) {
    if (entry->kind != raft::EntryKind::kConfiguration) continue;
    entry = std::make_shared<const raft::Entry>(
        raft::Entry{entry->id, raft::EntryKind::kConfiguration,
                    raft::EncodeConfiguration(configuration)});
  }
}

void ReadRecord(const Record& record, Reading* reading) {
  if (record.type == RecordType::kHardState) {
    reading->hard_state = raft::DecodeHardState(record.payload).value();
  } else if (record.type == RecordType::kConfiguration) {
    Replace(raft::DecodeConfiguration(record.payload).value(), reading);
  } else if (record.type == RecordType::kEntry) {
    const raft::EntryPtr entry = raft::DecodeEntry(record.payload).value();
    auto& entries = reading->entries;
    entries.erase(entries.lower_bound(entry->id.index.value()), entries.end());
    entries[entry->id.index.value()] = entry;
  }
}

// The valid records that follow each other from the beginning on, which are a
// log start and a hard state.
std::vector<Record> Chain(absl::string_view segment, uint64_t sequence) {
  std::vector<Record> chain;
  if (!CheckSegmentHeader(segment, sequence).value_or(false)) return chain;
  uint64_t at = kSegmentHeaderBytes;
  while (chain.empty() || chain.back().type != RecordType::kSegmentEnd) {
    const auto record = ParseRecord(segment, sequence, at);
    if (!record.has_value()) break;
    at = record->end;
    chain.push_back(*record);
  }
  const bool head = chain.size() >= 2 &&
                    chain[0].type == RecordType::kLogStart &&
                    chain[1].type == RecordType::kHardState;
  if (!head) chain.clear();
  return chain;
}

bool HasMarkFrom(absl::string_view segment, uint64_t sequence, uint64_t begin) {
  for (uint64_t at = begin; at < segment.size(); at += kRecordAlignment) {
    // Longer ones are none, and to look at them would take quadratic time.
    const auto record = ParseRecord(segment, sequence, at, /*payload_max=*/8);
    if (record.has_value() && record->type == RecordType::kSyncMark) {
      return true;
    }
  }
  return false;
}

bool IsHeadOnly(absl::string_view segment, uint64_t sequence) {
  // The first head of all has one size only.
  const uint64_t head = sequence == 1 ? kFirstHeadBytes : kSegmentHeaderBytes;
  return Chain(segment, sequence).size() <= 2 &&
         !HasMarkFrom(segment, sequence, head);
}

void CheckSame(const RecoveredLog& log, const Reading& reading) {
  JACO_CHECK(log.hard_state == reading.hard_state);
  auto expected = reading.entries.upper_bound(log.log_start.index.value());
  for (const raft::EntryPtr& entry : log.entries) {
    JACO_CHECK(expected != reading.entries.end());
    JACO_CHECK(*entry == *expected->second);
    ++expected;
  }
  JACO_CHECK(expected == reading.entries.end());
}

// `log` is what was found in `files`, of which those up to `last` are left.
void CheckFound(Files files, uint64_t last, const RecoveredLog& log) {
  files.erase(kPromiseNumber);
  while (!files.empty() && files.rbegin()->first > last) {
    JACO_CHECK(IsHeadOnly(files.rbegin()->second, files.rbegin()->first));
    files.erase(files.rbegin()->first);
  }
  Reading reading;
  const std::vector<Record> tail = Chain(files[last], last);
  if (tail.empty()) {
    // Nothing was left, and a first one was made.
    JACO_CHECK(files.size() == 1 && last == 1);
    JACO_CHECK(IsHeadOnly(files[last], last));
    CheckSame(log, reading);
    return;
  }
  const LogStart start = DecodeLogStart(tail[0].payload).value();
  JACO_CHECK(start.raft.last == log.log_start);
  JACO_CHECK(!HasMarkFrom(files[last], last, tail.back().end));
  for (uint64_t number = start.first_segment; number <= last; ++number) {
    const std::vector<Record> chain = Chain(files[number], number);
    const bool finished = chain.back().type == RecordType::kSegmentEnd;
    JACO_CHECK(finished == (number < last));
    for (const Record& record : chain) ReadRecord(record, &reading);
  }
  CheckSame(log, reading);
}

// ---- Opening.

void CheckError(const absl::Status& error) {
  const absl::string_view message = error.message();
  JACO_CHECK(absl::StrContains(message, kDirectory));
  if (error.code() == absl::StatusCode::kFailedPrecondition) {
    const bool of_promise = absl::StrContains(message, "/promise: ");
    JACO_CHECK(absl::StrContains(
        message, of_promise ? "this build knows versions up to 2"
                            : "this build knows version 1"));
    return;
  }
  JACO_CHECK(error.code() == absl::StatusCode::kDataLoss);
  JACO_CHECK(absl::StrContains(message, "at offset"));
}

void CheckContiguous(const RecoveredLog& log) {
  raft::EntryId last = log.log_start;
  for (const raft::EntryPtr& entry : log.entries) {
    JACO_CHECK(entry->id.index == last.index.Next());
    JACO_CHECK(entry->id.term >= last.term);
    last = entry->id;
  }
}

void CheckSameLog(const RecoveredLog& a, const RecoveredLog& b) {
  JACO_CHECK(a.hard_state == b.hard_state && a.log_start == b.log_start);
  JACO_CHECK(a.configuration == b.configuration);
  JACO_CHECK(a.repair_above == b.repair_above);
  JACO_CHECK(a.entries.size() == b.entries.size());
  for (size_t i = 0; i < a.entries.size(); ++i) {
    JACO_CHECK(*a.entries[i] == *b.entries[i]);
  }
}

uint64_t LastSegment(env::FileSystem& fs) {
  uint64_t last = 0;
  const auto names = fs.List(kDirectory);
  for (const std::string& name : *names) {
    last = std::max(last, SequenceOfName(name).value_or(0));
  }
  return last;
}

// One more entry, if there can be one.
void WriteMore(RaftLog& log, RecoveredLog* state) {
  const raft::EntryId last =
      state->entries.empty() ? state->log_start : state->entries.back()->id;
  const raft::EntryId next{std::max(last.term, state->hard_state.term),
                           last.index.Next()};
  if (next.index.value() == 0) return;
  raft::Persist write{raft::PersistId(1)};
  write.entries = {std::make_shared<const raft::Entry>(
      raft::Entry{next, raft::EntryKind::kCommand, "more"})};
  JACO_CHECK(log.Write({&write, 1}).ok());
  state->entries.push_back(write.entries[0]);
  if (next.term > state->repair_above) state->repair_above = raft::Term();
}

// What is found without changing anything.
void CheckInspection(const Files& files,
                     const absl::StatusOr<RecoveredLog>& found) {
  const auto fs = Write(files);
  const auto inspection = InspectLog(*fs, kDirectory);
  JACO_CHECK(inspection.ok());
  JACO_CHECK_MSG(
      inspection->damage.empty() == found.ok(),
      "start: ", found.status().message(), "; inspection: ",
      inspection->damage.empty() ? "sound" : inspection->damage[0].message());
  if (found.ok()) CheckSameLog(inspection->log, *found);
}

absl::Status Try(const Files& files, raft::NodeId repair_as) {
  const auto fs = Write(files);
  const RaftLogOptions options{kDirectory, 1024, repair_as};
  RecoveredLog found;
  auto log = RaftLog::Open(*fs, options, &found);
  if (!log.ok()) {
    CheckError(log.status());
    CheckInspection(files, log.status());
    return log.status();
  }
  CheckContiguous(found);
  if (repair_as == raft::kNoNode) {
    CheckFound(files, LastSegment(*fs), found);
    CheckInspection(files, found);
  }
  log->reset();
  for (const bool more : {true, false}) {
    RecoveredLog again;
    log = RaftLog::Open(*fs, options, &again);
    JACO_CHECK(log.ok());
    CheckSameLog(found, again);
    if (more) WriteMore(**log, &found);
    log->reset();
  }
  return absl::OkStatus();
}

}  // namespace

FuzzOutcome FuzzRaftLog(absl::string_view program) {
  const Files files = Make(program);
  const absl::Status plain = Try(files, raft::kNoNode);
  const absl::Status repaired = Try(files, raft::NodeId(1));
  // A repair makes good what is damaged, and is nothing else.
  JACO_CHECK(!plain.ok() || repaired.ok());
  if (plain.ok()) return FuzzOutcome::kOk;
  return absl::IsDataLoss(plain) ? FuzzOutcome::kDamage
                                 : FuzzOutcome::kOtherVersion;
}

}  // namespace jaco::storage

// The entry point that libFuzzer looks for.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaco::storage::FuzzRaftLog(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
