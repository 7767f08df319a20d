#include "jaco/storage/log_replay.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/endian.h"
#include "jaco/raft/codec.h"
#include "jaco/storage/damage.h"

namespace jaco::storage {
namespace {

constexpr absl::string_view kPlaceUrl = "jaco/log-place";

absl::Status Violation(absl::string_view what) {
  return absl::DataLossError(what);
}

}  // namespace

absl::Status Corrupt(absl::string_view path, uint64_t offset,
                     absl::string_view reason) {
  absl::Status status = DamageError(absl::StrCat(
      "raft log ", path, " is corrupt at offset ", offset, ": ", reason));
  std::string place;
  const absl::string_view name = path.substr(path.rfind('/') + 1);
  AppendLittleEndian(SequenceOfName(name).value_or(0), &place);
  AppendLittleEndian(offset, &place);
  status.SetPayload(kPlaceUrl, absl::Cord(place));
  return status;
}

std::optional<LogPlace> CorruptPlace(const absl::Status& status) {
  const auto payload = status.GetPayload(kPlaceUrl);
  if (!payload.has_value()) return std::nullopt;
  const std::string bytes(*payload);
  ByteReader reader(bytes);
  const auto segment = reader.Read<uint64_t>();
  return LogPlace{segment, reader.Read<uint64_t>()};
}

absl::StatusOr<LogStart> LogStartOf(const SegmentScan& segment) {
  absl::StatusOr<LogStart> start = DecodeLogStart(segment.records[0].payload);
  if (start.ok()) return start;
  return Corrupt(segment.path, segment.records[0].offset,
                 start.status().message());
}

LogReplay::LogReplay(const LogStart& start, RecoveredLog* log)
    : log_(log), start_configuration_(start.raft.configuration) {
  log_->log_start = start.raft.last;
  log_->configuration = start.raft.configuration;
  if (log_->log_start.index.value() == 0) begin_ = raft::LogIndex();
}

absl::Status LogReplay::Replay(const SegmentScan& segment) {
  segment_last_ = raft::LogIndex();
  segment_configuration_.reset();
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
  const bool in_head = record.offset < segment.head_end;
  switch (record.type) {
    case RecordType::kEntry:
      return ReplayEntry(record);
    case RecordType::kHardState:
      return ReplayHardState(record, in_head);
    case RecordType::kLogStart:
      return in_head ? ReplayLogStart(record)
                     : Violation("log start behind the head");
    case RecordType::kConfiguration:
      return ReplayConfiguration(record);
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
  if (start->raft.last.index > log_->log_start.index) {
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
  const std::vector<raft::EntryPtr>& entries = log_->entries;
  if (state->term > raft::Term() && !entries.empty() &&
      entries.back()->id.term > state->term) {
    return Violation(absl::StrCat("term ", state->term.value(),
                                  " follows an entry of term ",
                                  entries.back()->id.term.value()));
  }
  log_->hard_state = *state;
  return absl::OkStatus();
}

absl::Status LogReplay::ReplayEntry(const Record& record) {
  absl::StatusOr<raft::EntryPtr> entry = raft::DecodeEntry(record.payload);
  if (!entry.ok()) return entry.status();
  const raft::EntryId id = (*entry)->id;
  // Without a term nothing counts: a founding writes its entries first.
  const raft::Term reached = log_->hard_state.term;
  if (reached > raft::Term() && id.term > reached) {
    return Violation(absl::StrCat("entry ", id.index.value(), " of term ",
                                  id.term.value(), " in term ",
                                  reached.value()));
  }
  segment_last_ = std::max(segment_last_, id.index);
  std::vector<raft::EntryPtr>& entries = log_->entries;
  if (!begin_.has_value() || id.index <= *begin_) {
    // Whatever comes before is compacted away; so is this, or Finish objects.
    begin_ = id.index.Previous();
    entries.clear();
  }
  const uint64_t position = id.index - *begin_ - 1;
  if (position > entries.size()) {
    return Violation(absl::StrCat("entry ", id.index.value(),
                                  " comes after entry ",
                                  begin_->value() + entries.size()));
  }
  if (position > 0 && id.term < entries[position - 1]->id.term) {
    return Violation(absl::StrCat("entry ", id.index.value(), " of term ",
                                  id.term.value(), " follows one of term ",
                                  entries[position - 1]->id.term.value()));
  }
  entries.resize(position);
  entries.push_back(*std::move(entry));
  return absl::OkStatus();
}

absl::Status LogReplay::ReplayConfiguration(const Record& record) {
  auto configuration = raft::DecodeConfiguration(record.payload);
  if (!configuration.ok()) return configuration.status();
  ReplaceConfiguration(*configuration, log_);
  segment_configuration_ = *std::move(configuration);
  return absl::OkStatus();
}

absl::Status LogReplay::Finish(const SegmentScan& last) {
  const raft::EntryId& start = log_->log_start;
  std::vector<raft::EntryPtr>& entries = log_->entries;
  // What the last head says has taken account of all that comes before it.
  log_->configuration = segment_configuration_.value_or(start_configuration_);
  if (start.index.value() == 0) log_->configuration = {};
  const auto corrupt = [&](absl::string_view what) {
    return Corrupt(last.path, last.records[0].offset,
                   absl::StrCat("log start ", start.term.value(), ":",
                                start.index.value(), " ", what));
  };
  if (start.term > log_->hard_state.term) {
    return corrupt("is of a term that was not reached");
  }
  if (entries.empty()) return absl::OkStatus();
  if (*begin_ > start.index) return corrupt("is not followed by an entry");
  if (entries.back()->id.index < start.index) {
    return corrupt("is beyond the last entry");
  }
  const auto begin =
      entries.begin() + static_cast<std::ptrdiff_t>(start.index - *begin_);
  if (begin != entries.begin() && (*std::prev(begin))->id != start) {
    return corrupt("is not the entry at that index");
  }
  if (begin != entries.end() && (*begin)->id.term < start.term) {
    return corrupt("is followed by an entry of an earlier term");
  }
  entries.erase(entries.begin(), begin);
  return absl::OkStatus();
}

}  // namespace jaco::storage
