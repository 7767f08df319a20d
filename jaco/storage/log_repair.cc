#include "jaco/storage/log_repair.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/raft/codec.h"
#include "jaco/storage/log_format.h"
#include "jaco/storage/log_replay.h"
#include "jaco/storage/log_segment.h"

namespace jaco::storage {
namespace {

constexpr absl::string_view kSetAsideSuffix = ".damaged";

struct Names {
  std::vector<uint64_t> segments;   // ascending
  std::vector<uint64_t> set_aside;  // ascending
};

absl::StatusOr<Names> ListNames(env::FileSystem& fs,
                                const std::string& directory) {
  const absl::StatusOr<std::vector<std::string>> found = fs.List(directory);
  if (!found.ok()) return found.status();
  Names names;
  for (absl::string_view name : *found) {
    const bool set_aside = absl::ConsumeSuffix(&name, kSetAsideSuffix);
    const std::optional<uint64_t> sequence = SequenceOfName(name);
    if (!sequence.has_value()) continue;
    (set_aside ? names.set_aside : names.segments).push_back(*sequence);
  }
  return names;
}

// Looks for the last segment that, cut at its first defect, ends a log without
// defects: the log as it was when that was written.
class Salvage {
 public:
  Salvage(env::FileSystem& fs, const std::string& directory,
          raft::Term promised)
      : fs_(fs), directory_(directory), promised_(promised) {}

  absl::StatusOr<RecoveredLog> Run() {
    const absl::StatusOr<Names> names = ListNames(fs_, directory_);
    if (!names.ok()) return names.status();
    const absl::Status looked = LookAt(names->segments);
    if (!looked.ok()) return looked;
    for (size_t last = segments_.size(); last-- > 0;) {
      const absl::StatusOr<size_t> first = FirstOf(last);
      if (!first.ok()) continue;
      RecoveredLog log;
      const absl::StatusOr<bool> replayed = Replay(*first, last, &log);
      if (!replayed.ok()) return replayed.status();
      if (*replayed) return Found(std::move(log));
    }
    return Found({});
  }

 private:
  struct Segment {
    uint64_t sequence;
    bool finished;
    std::optional<LogStart> start;  // nullopt: its head is damaged
  };

  absl::Status LookAt(const std::vector<uint64_t>& sequences) {
    for (const uint64_t sequence : sequences) {
      const auto scan =
          ScanSegment(fs_, SegmentPath(directory_, sequence), sequence);
      if (!scan.ok()) return scan.status();
      segments_.push_back({sequence, scan->finished, std::nullopt});
      if (!scan->has_head()) continue;
      const absl::StatusOr<LogStart> start = LogStartOf(*scan);
      if (start.ok()) segments_.back().start = *start;
      for (const Record& record : scan->records) NoteTerm(record);
    }
    return absl::OkStatus();
  }

  void NoteTerm(const Record& record) {
    if (record.type != RecordType::kHardState) return;
    const auto state = raft::DecodeHardState(record.payload);
    if (state.ok() && state->term > newest_.term) newest_ = *state;
  }

  // Where in segments_ the log begins that ends with `last`, if all that it
  // consists of is there.
  absl::StatusOr<size_t> FirstOf(size_t last) const {
    const absl::Status none = absl::NotFoundError("incomplete");
    const std::optional<LogStart>& start = segments_[last].start;
    if (!start.has_value()) return none;
    size_t first = last;
    while (segments_[first].sequence > start->first_segment) {
      if (first == 0) return none;
      const Segment& before = segments_[first - 1];
      const bool follows = before.sequence + 1 == segments_[first].sequence;
      if (!follows || !before.finished) return none;
      --first;
    }
    if (segments_[first].sequence != start->first_segment) return none;
    return first;
  }

  absl::StatusOr<bool> Replay(size_t first, size_t last, RecoveredLog* log) {
    LogReplay replay(*segments_[last].start, log);
    for (size_t i = first; i <= last; ++i) {
      const uint64_t sequence = segments_[i].sequence;
      const auto scan =
          ScanSegment(fs_, SegmentPath(directory_, sequence), sequence);
      if (!scan.ok()) return scan.status();
      const absl::Status status = replay.Replay(*scan);
      if (!status.ok() && i < last) return false;
      if (i == last) return replay.Finish(*scan).ok();
    }
    return false;
  }

  RecoveredLog Found(RecoveredLog log) const {
    ForgetReplaced(std::max(newest_.term, promised_), &log);
    if (newest_.term > log.hard_state.term) log.hard_state = newest_;
    return log;
  }

  env::FileSystem& fs_;
  const std::string& directory_;
  const raft::Term promised_;
  std::vector<Segment> segments_;  // ascending
  raft::HardState newest_;
};

absl::StatusOr<LogTail> WriteLog(env::FileSystem& fs,
                                 const RaftLogOptions& options,
                                 const RecoveredLog& content) {
  const absl::StatusOr<Names> names = ListNames(fs, options.directory);
  if (!names.ok()) return names.status();
  uint64_t sequence = 1;
  for (const auto* list : {&names->segments, &names->set_aside}) {
    if (!list->empty()) sequence = std::max(sequence, list->back() + 1);
  }
  LogTail tail;
  tail.start = {{content.log_start, content.configuration},
                sequence,
                content.repair_above};
  auto writer = SegmentWriter::CreateFilled(
      fs, options.directory, sequence, options.segment_bytes, tail.start,
      content.hard_state, content.entries);
  if (!writer.ok()) return writer.status();
  tail.writer = *std::move(writer);
  tail.last_indexes = {content.entries.empty()
                           ? raft::LogIndex()
                           : content.entries.back()->id.index};
  return tail;
}

// The position of the first of `sequences` that is damaged; where none is, of
// the first.
absl::StatusOr<size_t> FirstDamaged(env::FileSystem& fs,
                                    const std::string& directory,
                                    const std::vector<uint64_t>& sequences) {
  for (size_t i = 0; i < sequences.size(); ++i) {
    const uint64_t sequence = sequences[i];
    if (i > 0 && sequence != sequences[i - 1] + 1) return i;
    const auto scan =
        ScanSegment(fs, SegmentPath(directory, sequence), sequence);
    if (!scan.ok()) return scan.status();
    if (!scan->finished) return i;
  }
  return size_t{0};
}

absl::Status DropOldest(env::FileSystem& fs, const std::string& directory) {
  const absl::StatusOr<Names> names = ListNames(fs, directory);
  if (!names.ok()) return names.status();
  for (size_t i = 0; i + kSetAsideMax < names->set_aside.size(); ++i) {
    const absl::Status removed = fs.Remove(
        absl::StrCat(directory, "/", SetAsideName(names->set_aside[i])));
    if (!removed.ok()) return removed;
  }
  return fs.SyncDirectory(directory);
}

}  // namespace

std::string SetAsideName(uint64_t sequence) {
  return absl::StrCat(SegmentName(sequence), kSetAsideSuffix);
}

absl::Status SetAsideSegmentsBefore(env::FileSystem& fs,
                                    const std::string& directory,
                                    uint64_t first_needed) {
  absl::StatusOr<Names> names = ListNames(fs, directory);
  if (!names.ok()) return names.status();
  std::vector<uint64_t>& sequences = names->segments;
  std::erase_if(sequences, [&](uint64_t s) { return s >= first_needed; });
  if (sequences.empty()) return absl::OkStatus();
  const auto damaged = FirstDamaged(fs, directory, sequences);
  if (!damaged.ok()) return damaged.status();
  for (size_t i = 0; i < sequences.size(); ++i) {
    const std::string path = SegmentPath(directory, sequences[i]);
    const std::string aside =
        absl::StrCat(directory, "/", SetAsideName(sequences[i]));
    const absl::Status status =
        i < *damaged ? fs.Remove(path) : fs.Rename(path, aside);
    if (!status.ok()) return status;
  }
  return DropOldest(fs, directory);
}

absl::StatusOr<RecoveredLog> SalvageLog(env::FileSystem& fs,
                                        const std::string& directory,
                                        raft::Term promised) {
  return Salvage(fs, directory, promised).Run();
}

// A server that joined a cluster that was recovered has passed over as many
// terms: what it loses without need, it gets again.
void ForgetReplaced(raft::Term latest, RecoveredLog* log) {
  const raft::HardState state = log->hard_state;
  if (latest.value() - state.term.value() < kRecoveryTerms - 1) return;
  *log = {};
  log->hard_state = state;
}

absl::StatusOr<LogTail> BeginLogRepair(env::FileSystem& fs,
                                       const RaftLogOptions& options,
                                       const absl::Status& damage,
                                       PromiseFile& file, Promise* promise,
                                       RecoveredLog* content) {
  const LogPlace place = CorruptPlace(damage).value_or(LogPlace());
  raft::Term highest =
      std::max(promise->hard_state.term, content->hard_state.term);
  // Those of a founding that was cut off have a term that was not reached.
  if (!content->entries.empty()) {
    highest = std::max(highest, content->entries.back()->id.term);
  }
  if (highest.Next() < highest) return damage;  // there is no later one
  // A term in which this server has promised nothing yet: leaders of those
  // before, who may count on what is lost, learn that they have to start anew.
  // A snapshot may be ahead of that, when the log never came to hold it.
  promise->hard_state = {std::max(highest.Next(), content->log_start.term),
                         raft::kNoNode};
  promise->damaged_segment = place.segment;
  promise->damaged_offset = place.offset;
  const absl::Status promised = file.Store(fs, *promise);
  if (!promised.ok()) return promised;
  content->hard_state = promise->hard_state;
  content->repair_above = highest;
  content->damage = std::string(damage.message());
  absl::StatusOr<LogTail> tail = WriteLog(fs, options, *content);
  if (!tail.ok()) return tail;
  const absl::Status aside =
      SetAsideSegmentsBefore(fs, options.directory, tail->start.first_segment);
  if (!aside.ok()) return aside;
  return tail;
}

std::string DescribeDamage(const std::string& directory,
                           const Promise& promise) {
  if (promise.damaged_segment == 0) {
    return absl::StrCat("what raft log ", directory, " builds on was lost");
  }
  return absl::StrCat("raft log ",
                      SegmentPath(directory, promise.damaged_segment),
                      " was corrupt at offset ", promise.damaged_offset,
                      "; what is left of it is kept as *", kSetAsideSuffix);
}

}  // namespace jaco::storage
