#include "jaco/storage/log_recovery.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/storage/log_replay.h"

namespace jaco::storage {
namespace {

// The log is synced before the promise is: one that says less has lost it.
bool IsBehind(const raft::HardState& log, const raft::HardState& promised) {
  if (log.term != promised.term) return log.term < promised.term;
  return promised.voted_for != raft::kNoNode &&
         promised.voted_for != log.voted_for;
}

// One recovery from beginning to end. The order in which a segment is followed
// by the next (SegmentWriter::Create, synced; then Finish, synced; then the
// first append) gives the cases:
// - the last segment is finished: its successor was there and is lost;
// - the last but one is not: the last can hold no more than its head. It never
//   came into use and is removed;
// - any other segment is not finished, or any but such a one has a damaged
//   head: corruption.
// Segments before the first that is needed are left over from a compaction that
// was cut off, in any number and with gaps. They go when the head that says so
// is sure to be there.
class Recovery {
 public:
  Recovery(env::FileSystem& fs, const std::string& directory,
           uint64_t segment_bytes, const raft::HardState& promised,
           RecoveredLog* recovered)
      : fs_(fs),
        directory_(directory),
        segment_bytes_(segment_bytes),
        promised_(promised),
        recovered_(recovered) {}

  absl::StatusOr<LogTail> Run() {
    absl::Status status = ListSegments();
    if (status.ok()) status = FindLast();
    if (!status.ok()) return status;
    if (sequences_.empty()) {
      status = CheckReaches(promised_, {}, PathOf(1), 0);
      if (status.ok()) status = RemoveUnused();
      if (!status.ok()) return status;
      return CreateFirst();
    }
    status = ReplayAll();
    if (status.ok()) status = CheckTail(directory_, last_);
    if (status.ok()) {
      status = CheckReaches(promised_, recovered_->hard_state, last_.path,
                            last_.end);
    }
    // Nothing is changed before it is known that the log is sound.
    if (status.ok()) status = RemoveUnused();
    if (!status.ok()) return status;
    recovered_->torn_bytes = last_.TailBytes();
    return OpenTail();
  }

 private:
  absl::Status ListSegments();
  absl::Status FindLast();
  void PassOverLast();
  absl::Status RemoveUnused();
  absl::Status ReplayAll();
  absl::StatusOr<LogTail> CreateFirst();
  absl::StatusOr<LogTail> OpenTail();
  absl::Status CheckNoneMissing();
  absl::Status MakeBeforeLastDurable();
  absl::Status ReplaySegment(LogReplay& replay, const SegmentScan& scan);

  std::string PathOf(uint64_t sequence) const {
    return SegmentPath(directory_, sequence);
  }
  absl::StatusOr<SegmentScan> Scan(uint64_t sequence) {
    return ScanSegment(fs_, PathOf(sequence), sequence);
  }

  env::FileSystem& fs_;
  const std::string& directory_;
  const uint64_t segment_bytes_;
  const raft::HardState promised_;
  RecoveredLog* const recovered_;
  bool Exists(uint64_t sequence) const {
    return std::binary_search(sequences_.begin(), sequences_.end(), sequence);
  }

  std::vector<uint64_t> sequences_;  // ascending
  uint64_t unused_ = 0;              // the one behind those; 0: none
  std::vector<raft::LogIndex> last_indexes_;
  SegmentScan last_;
  LogStart start_;
};

absl::Status Recovery::ListSegments() {
  const absl::StatusOr<std::vector<std::string>> names = fs_.List(directory_);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::optional<uint64_t> sequence = SequenceOfName(name);
    if (sequence.has_value()) sequences_.push_back(*sequence);
  }
  return absl::OkStatus();
}

// Scans the last segment; one that never came into use is passed over.
absl::Status Recovery::FindLast() {
  if (sequences_.empty()) return absl::OkStatus();
  absl::StatusOr<SegmentScan> last = Scan(sequences_.back());
  if (!last.ok()) return last.status();
  last_ = *std::move(last);
  if (!last_.HoldsOnlyHead()) return absl::OkStatus();
  if (!Exists(last_.sequence - 1)) {
    if (last_.sequence == 1) {
      if (!last_.has_head()) PassOverLast();
      return absl::OkStatus();
    }
    if (!last_.has_head()) return absl::OkStatus();  // found damaged later
    // It never came into use, and what was in use is gone.
    return Corrupt(PathOf(last_.sequence - 1), 0, "segment is missing");
  }
  absl::StatusOr<SegmentScan> before = Scan(last_.sequence - 1);
  if (!before.ok()) return before.status();
  if (before->finished) return absl::OkStatus();
  last_ = *std::move(before);
  PassOverLast();
  return absl::OkStatus();
}

void Recovery::PassOverLast() {
  unused_ = sequences_.back();
  sequences_.pop_back();
}

absl::Status Recovery::RemoveUnused() {
  if (unused_ == 0) return absl::OkStatus();
  const absl::Status removed = fs_.Remove(PathOf(unused_));
  return removed.ok() ? fs_.SyncDirectory(directory_) : removed;
}

absl::Status Recovery::ReplayAll() {
  if (!last_.has_head()) return Corrupt(last_.path, 0, "damaged segment head");
  const absl::StatusOr<LogStart> start = LogStartOf(last_);
  if (!start.ok()) return start.status();
  start_ = *start;
  const absl::Status none_missing = CheckNoneMissing();
  if (!none_missing.ok()) return none_missing;
  LogReplay replay(start_, recovered_);
  for (uint64_t s = start_.first_segment; s < sequences_.back(); ++s) {
    const absl::StatusOr<SegmentScan> scan = Scan(s);
    if (!scan.ok()) return scan.status();
    if (!scan->finished) {
      return Corrupt(scan->path, scan->end,
                     "invalid record in a segment that others follow");
    }
    const absl::Status status = ReplaySegment(replay, *scan);
    if (!status.ok()) return status;
  }
  absl::Status status = ReplaySegment(replay, last_);
  if (status.ok()) status = replay.Finish(last_);
  start_.raft.configuration = recovered_->configuration;
  return status;
}

absl::Status Recovery::CheckNoneMissing() {
  for (uint64_t s = start_.first_segment; s < sequences_.back(); ++s) {
    if (!Exists(s)) return Corrupt(PathOf(s), 0, "segment is missing");
  }
  if (start_.first_segment <= sequences_.back()) return absl::OkStatus();
  return Corrupt(PathOf(start_.first_segment), 0, "segment is missing");
}

absl::Status Recovery::ReplaySegment(LogReplay& replay,
                                     const SegmentScan& scan) {
  const absl::Status status = replay.Replay(scan);
  last_indexes_.push_back(replay.segment_last());
  return status;
}

absl::StatusOr<LogTail> Recovery::CreateFirst() {
  auto writer =
      SegmentWriter::Create(fs_, directory_, 1, segment_bytes_, {}, {});
  if (!writer.ok()) return writer.status();
  return LogTail{*std::move(writer), {}, {raft::LogIndex()}};
}

absl::StatusOr<LogTail> Recovery::OpenTail() {
  absl::Status status = MakeBeforeLastDurable();
  if (status.ok()) status = fs_.SyncDirectory(directory_);
  if (!status.ok()) return status;
  auto file = fs_.Open(last_.path, env::OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  // As it was made: it may be small because there was no room, and there may be
  // none now. One that never got as long must not look cut short.
  const uint64_t capacity =
      std::max<uint64_t>(last_.bytes.size(), SegmentCapacity(last_.bytes));
  status = (*file)->Preallocate(capacity);
  if (status.ok()) status = MakeDurable(last_, **file);
  if (!status.ok()) return status;
  auto writer = std::make_unique<SegmentWriter>(
      *std::move(file), last_.sequence, last_.end, capacity);
  if (!last_.EndsInMark()) status = writer->WriteDurableMark();
  if (!status.ok()) return status;
  // They are in nobody's way, so that they could not be removed matters to
  // nobody.
  const auto drop = start_.repair_above > raft::Term() ? SetAsideSegmentsBefore
                                                       : RemoveSegmentsBefore;
  drop(fs_, directory_, start_.first_segment).IgnoreError();
  return LogTail{std::move(writer), start_, std::move(last_indexes_)};
}

// While the last segment holds no mark, the process before may have died as it
// was ending the one before.
absl::Status Recovery::MakeBeforeLastDurable() {
  if (last_.durable != 0 || !Exists(last_.sequence - 1)) {
    return absl::OkStatus();
  }
  const absl::StatusOr<SegmentScan> before = Scan(last_.sequence - 1);
  if (!before.ok()) return before.status();
  auto file = fs_.Open(before->path, env::OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  return MakeDurable(*before, **file);
}

}  // namespace

absl::Status CheckTail(const std::string& directory, const SegmentScan& last) {
  if (!last.has_head()) return Corrupt(last.path, 0, "damaged segment head");
  if (last.finished) {
    return Corrupt(SegmentPath(directory, last.sequence + 1), 0,
                   "segment is missing");
  }
  if (last.IsCutShort()) {
    return Corrupt(last.path, last.bytes.size(),
                   "segment is shorter than it was made");
  }
  if (last.MarkedBeyondEnd()) {
    return Corrupt(last.path, last.end,
                   "invalid record in front of a sync mark");
  }
  return absl::OkStatus();
}

absl::Status CheckReaches(const raft::HardState& promised,
                          const raft::HardState& state, absl::string_view path,
                          uint64_t offset) {
  if (!IsBehind(state, promised)) return absl::OkStatus();
  return Corrupt(path, offset,
                 absl::StrCat("it ends before term ", promised.term.value(),
                              " and vote, which were durable"));
}

absl::Status RemoveSegmentsBefore(env::FileSystem& fs,
                                  const std::string& directory,
                                  uint64_t first_needed) {
  const absl::StatusOr<std::vector<std::string>> names = fs.List(directory);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::optional<uint64_t> sequence = SequenceOfName(name);
    if (!sequence.has_value() || *sequence >= first_needed) continue;
    const absl::Status removed = fs.Remove(absl::StrCat(directory, "/", name));
    if (!removed.ok()) return removed;
  }
  return absl::OkStatus();
}

absl::StatusOr<LogTail> RecoverLog(env::FileSystem& fs,
                                   const std::string& directory,
                                   uint64_t segment_bytes,
                                   const raft::HardState& promised,
                                   RecoveredLog* recovered) {
  return Recovery(fs, directory, segment_bytes, promised, recovered).Run();
}

}  // namespace jaco::storage
