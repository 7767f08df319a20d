#include "jaco/storage/log_replay.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/raft/codec.h"

namespace jaco::storage {
namespace {

absl::Status Violation(absl::string_view what) {
  return absl::DataLossError(what);
}

}  // namespace

absl::Status Corrupt(absl::string_view path, uint64_t offset,
                     absl::string_view reason) {
  return absl::DataLossError(absl::StrCat(
      "raft log ", path, " is corrupt at offset ", offset, ": ", reason));
}

absl::StatusOr<LogStart> LogStartOf(const SegmentScan& segment) {
  absl::StatusOr<LogStart> start = DecodeLogStart(segment.records[0].payload);
  if (start.ok()) return start;
  return Corrupt(segment.path, segment.records[0].offset,
                 start.status().message());
}

LogReplay::LogReplay(const LogStart& start, RecoveredLog* log) : log_(log) {
  log_->log_start = start.last_compacted;
}

absl::Status LogReplay::Replay(const SegmentScan& segment) {
  for (const Record& record : segment.records) {
    const absl::Status status = ReplayRecord(segment, record);
    if (!status.ok()) {
      return Corrupt(segment.path, record.offset, status.message());
    }
  }
  at_first_segment_ = false;
  return absl::OkStatus();
}

absl::Status LogReplay::ReplayRecord(const SegmentScan& segment,
                                     const Record& record) {
  const bool in_head = record.offset < kSegmentHeadBytes;
  switch (record.type) {
    case RecordType::kEntry:
      return ReplayEntry(record);
    case RecordType::kHardState:
      return ReplayHardState(record, in_head);
    case RecordType::kLogStart:
      return in_head ? ReplayLogStart(record)
                     : Violation("log start behind the head");
    case RecordType::kSyncMark:
      return absl::OkStatus();
    case RecordType::kSegmentEnd:
      // The scan ends there.
      return record.end == segment.end ? absl::OkStatus()
                                       : Violation("records behind the end");
  }
  return Violation(
      absl::StrCat("unknown record type ", static_cast<int>(record.type)));
}

absl::Status LogReplay::ReplayLogStart(const Record& record) {
  const absl::StatusOr<LogStart> start = DecodeLogStart(record.payload);
  if (!start.ok()) return start.status();
  if (start->last_compacted.index > log_->log_start.index) {
    return Violation("log start is beyond that of a later segment");
  }
  return absl::OkStatus();
}

absl::Status LogReplay::ReplayHardState(const Record& record, bool in_head) {
  const absl::StatusOr<raft::HardState> state =
      raft::DecodeHardState(record.payload);
  if (!state.ok()) return state.status();
  if (in_head && !at_first_segment_ && *state != log_->hard_state) {
    return Violation("hard state is not that of the segment before");
  }
  if (state->term < log_->hard_state.term) {
    return Violation(absl::StrCat("hard state goes back from term ",
                                  log_->hard_state.term.value(), " to term ",
                                  state->term.value()));
  }
  log_->hard_state = *state;
  return absl::OkStatus();
}

absl::Status LogReplay::ReplayEntry(const Record& record) {
  absl::StatusOr<raft::EntryPtr> entry = raft::DecodeEntry(record.payload);
  if (!entry.ok()) return entry.status();
  const raft::EntryId id = (*entry)->id;
  std::vector<raft::EntryPtr>& entries = log_->entries;
  if (id.index <= log_->log_start.index) {
    // Compacted since; it still ended the log when it was written.
    entries.clear();
    return absl::OkStatus();
  }
  const uint64_t position = id.index - log_->log_start.index - 1;
  if (position > entries.size()) {
    return Violation(
        absl::StrCat("entry ", id.index.value(), " comes after entry ",
                     log_->log_start.index.value() + entries.size()));
  }
  const raft::Term before =
      position == 0 ? log_->log_start.term : entries[position - 1]->id.term;
  if (id.term < before) {
    return Violation(absl::StrCat("entry ", id.index.value(), " of term ",
                                  id.term.value(), " follows one of term ",
                                  before.value()));
  }
  entries.resize(position);
  entries.push_back(*std::move(entry));
  return absl::OkStatus();
}

}  // namespace jaco::storage
