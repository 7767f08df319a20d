#include "jaco/storage/raft_log.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/raft/codec.h"
#include "jaco/storage/atomic_file.h"
#include "jaco/storage/log_format.h"
#include "jaco/storage/log_recovery.h"
#include "jaco/storage/log_repair.h"
#include "jaco/storage/log_replay.h"
#include "jaco/storage/log_segment.h"
#include "jaco/storage/promise.h"

namespace jaco::storage {
namespace {

uint64_t EncodedBytes(const raft::Persist& write) {
  uint64_t bytes = write.hard_state.has_value() ? kHardStateRecordBytes : 0;
  for (const raft::EntryPtr& entry : write.entries) {
    bytes += EntryRecordBytes(*entry);
  }
  return bytes;
}

raft::EntryId LastOf(const RecoveredLog& log) {
  return log.entries.empty() ? log.log_start : log.entries.back()->id;
}

raft::NodeId SoleVoterOf(const raft::Configuration& configuration) {
  const bool alone =
      configuration.voters.size() == 1 && !configuration.IsJoint();
  return alone ? configuration.voters.front() : raft::kNoNode;
}

// What comes later in the log counts, also when it is replaced in the end: that
// is for the next configuration to tell.
void NoteConfiguration(const raft::Entry& entry, raft::NodeId* sole_voter) {
  if (entry.kind != raft::EntryKind::kConfiguration) return;
  const auto configuration = raft::DecodeConfiguration(entry.data);
  if (configuration.ok()) *sole_voter = SoleVoterOf(*configuration);
}

// The promise that goes with a log; `before` is the one that was found.
Promise PromiseOf(const RecoveredLog& log, const Promise& before) {
  Promise promise = before;
  promise.hard_state = log.hard_state;
  // What is left of a damaged log may end with a configuration of long ago.
  if (log.repair_above > raft::Term()) return promise;
  if (!log.configuration.voters.empty()) {
    promise.sole_voter = SoleVoterOf(log.configuration);
  }
  for (const raft::EntryPtr& entry : log.entries) {
    NoteConfiguration(*entry, &promise.sole_voter);
  }
  return promise;
}

absl::StatusOr<bool> HasSegments(env::FileSystem& fs,
                                 absl::string_view directory) {
  const absl::StatusOr<std::vector<std::string>> names = fs.List(directory);
  if (!names.ok()) return names.status();
  return std::any_of(names->begin(), names->end(), [](const auto& name) {
    return SequenceOfName(name).has_value();
  });
}

class SegmentedLog final : public RaftLog {
 public:
  SegmentedLog(env::FileSystem& fs, const RaftLogOptions& options)
      : fs_(fs), options_(options), promise_file_(options.directory) {}

  absl::Status Open(RecoveredLog* recovered);

  absl::Status BeginRepair(const absl::Status& damage,
                           RecoveredLog* content) override {
    if (!failed_.ok()) return failed_;
    // A log that lost its end may end with members of long ago.
    if (stored_.has_value()) promise_.sole_voter = stored_->sole_voter;
    absl::StatusOr<LogTail> tail = Repair(damage, content);
    if (!tail.ok()) return tail.status();
    Continue(*std::move(tail), *content);
    return absl::OkStatus();
  }

  absl::Status Write(absl::Span<const raft::Persist> writes) override {
    if (!failed_.ok()) return failed_;
    // Of what comes before a new start, only the hard state is left.
    size_t first = 0;
    for (size_t i = 0; i < writes.size(); ++i) {
      if (writes[i].log_start.has_value()) first = i;
    }
    const absl::Span<const raft::Persist> rest = writes.subspan(first);
    uint64_t bytes = 0;
    for (const raft::Persist& write : rest) bytes += EncodedBytes(write);
    if (!rest.empty() && rest.front().log_start.has_value()) {
      absl::Status status = Install(writes.first(first + 1), bytes);
      if (!status.ok()) return status;
    }
    if (bytes == 0) {
      failed_ = Lasting(KeepPromise(writes));
      return failed_;
    }
    if (!writer_->Fits(bytes)) {
      LogStart same = start_;
      same.repair_above = RepairAbove(last_);
      const absl::Status status = BeginSegment(same, hard_state_, bytes);
      if (!status.ok()) return status;
    }
    failed_ = Append(rest, bytes);
    if (failed_.ok()) failed_ = Lasting(KeepPromise(writes));
    return failed_;
  }

  absl::Status CompactTo(const raft::LogStart& start) override {
    if (!failed_.ok()) return failed_;
    if (start.last.index <= start_.raft.last.index) return absl::OkStatus();
    JACO_CHECK_MSG(start.last.index <= last_.index, "compaction to entry ",
                   start.last.index.value(), " after entry ",
                   last_.index.value());
    uint64_t first_needed = start_.first_segment;
    for (const raft::LogIndex last : last_indexes_) {
      if (last > start.last.index) break;
      ++first_needed;
    }
    if (first_needed == start_.first_segment) return absl::OkStatus();
    // The head of the newest segment says where the log begins, so there has to
    // be a newer one.
    return BeginSegment({start, first_needed, RepairAbove(last_)}, hard_state_,
                        0);
  }

  absl::StatusOr<raft::HardState> ReplaceConfiguration(
      const raft::Configuration& configuration) override {
    if (!failed_.ok()) return failed_;
    const raft::HardState state{
        raft::Term(hard_state_.term.value() + kRecoveryTerms), raft::kNoNode};
    const uint64_t bytes =
        2 * kHardStateRecordBytes + ConfigurationRecordBytes(configuration);
    if (!writer_->Fits(bytes)) {
      const absl::Status status = BeginSegment(start_, hard_state_, bytes);
      if (!status.ok()) return status;
    }
    RecordBuffer& batch = writer_->NewBatch(bytes);
    // No prefix of it has the members without a later term, nor all of those
    // terms without the members: see ForgetReplaced.
    batch.AddHardState({hard_state_.term.Next(), raft::kNoNode});
    batch.AddConfiguration(configuration);
    batch.AddHardState(state);
    failed_ = Lasting(writer_->WriteBatch());
    if (!failed_.ok()) return failed_;
    hard_state_ = state;
    if (start_.raft.last.index.value() > 0) {
      start_.raft.configuration = configuration;
    }
    Promise promise = promise_;
    promise.hard_state = state;
    promise.sole_voter = SoleVoterOf(configuration);
    failed_ = Lasting(StorePromise(promise));
    if (!failed_.ok()) return failed_;
    return state;
  }

 private:
  // What the next head has to say, if the log ends with `last` then.
  raft::Term RepairAbove(const raft::EntryId& last) const {
    return last.term > start_.repair_above ? raft::Term() : start_.repair_above;
  }

  void Continue(LogTail tail, const RecoveredLog& log) {
    writer_ = std::move(tail.writer);
    start_ = std::move(tail.start);
    last_indexes_.assign(tail.last_indexes.begin(), tail.last_indexes.end());
    hard_state_ = log.hard_state;
    last_ = LastOf(log);
  }

  absl::StatusOr<LogTail> Recover(RecoveredLog* recovered);
  absl::StatusOr<LogTail> Repair(const absl::Status& damage,
                                 RecoveredLog* content);

  // The promise follows the log. It changes with terms, votes, members and at
  // the end of a repair: rarely.
  absl::Status KeepPromise(absl::Span<const raft::Persist> writes) {
    Promise promise = promise_;
    promise.hard_state = hard_state_;
    for (const raft::Persist& write : writes) {
      if (write.log_start.has_value()) {
        promise.sole_voter = SoleVoterOf(write.log_start->configuration);
      }
      for (const raft::EntryPtr& entry : write.entries) {
        NoteConfiguration(*entry, &promise.sole_voter);
      }
    }
    return StorePromise(promise);
  }
  absl::Status StorePromise(const Promise& promise) {
    promise_ = promise;
    if (stored_ == promise) return absl::OkStatus();
    stored_.reset();
    const absl::Status status = promise_file_.Store(fs_, promise);
    if (status.ok()) stored_ = promise;
    return status;
  }

  absl::Status Append(absl::Span<const raft::Persist> writes, uint64_t bytes) {
    RecordBuffer& batch = writer_->NewBatch(bytes);
    for (const raft::Persist& write : writes) Add(write, batch);
    return Lasting(writer_->WriteBatch());
  }

  // Within a segment the room was reserved: a lack of it there is damage, and
  // not to be tried again.
  static absl::Status Lasting(absl::Status status) {
    if (!absl::IsResourceExhausted(status)) return status;
    return absl::DataLossError(status.message());
  }

  // The last of `writes` has a log start: the log is that and their hard state
  // from the moment at which a new segment comes into use.
  absl::Status Install(absl::Span<const raft::Persist> writes,
                       uint64_t record_bytes) {
    raft::HardState state = hard_state_;
    for (const raft::Persist& write : writes) {
      state = write.hard_state.value_or(state);
    }
    const raft::LogStart& start = *writes.back().log_start;
    JACO_CHECK_MSG(start.last.index > start_.raft.last.index, "log start ",
                   start.last.index.value(), " after ",
                   start_.raft.last.index.value());
    const absl::Status status =
        BeginSegment({start, writer_->sequence() + 1, RepairAbove(start.last)},
                     state, record_bytes);
    if (!status.ok()) return status;
    hard_state_ = state;
    last_ = start.last;
    return absl::OkStatus();
  }

  // The hard state comes first: no prefix of a torn write has an entry of a
  // term that the server does not know it has reached.
  void Add(const raft::Persist& write, RecordBuffer& batch) {
    if (write.hard_state.has_value()) {
      JACO_CHECK_MSG(write.hard_state->term >= hard_state_.term, "term ",
                     write.hard_state->term.value(), " after ",
                     hard_state_.term.value());
      hard_state_ = *write.hard_state;
      batch.AddHardState(hard_state_);
    }
    bool first = true;
    for (const raft::EntryPtr& entry : write.entries) {
      CheckFollows(entry->id, first);
      batch.AddEntry(*entry);
      last_ = entry->id;
      last_indexes_.back() = std::max(last_indexes_.back(), last_.index);
      first = false;
    }
  }

  void CheckFollows(const raft::EntryId& id, bool first) const {
    const bool next = id.index == last_.index.Next();
    const bool replaces =
        first && id.index <= last_.index && id.index > start_.raft.last.index;
    JACO_CHECK_MSG(next || replaces, "entry ", id.index.value(),
                   " after entry ", last_.index.value());
    JACO_CHECK_MSG(replaces || id.term >= last_.term, "entry ",
                   id.index.value(), " of term ", id.term.value(),
                   " after term ", last_.term.value());
  }

  // An attempt that found no room may have found none to take back what it had
  // made.
  absl::Status RemoveLeftover(uint64_t sequence) {
    if (std::exchange(leftover_, 0) != sequence) return absl::OkStatus();
    const absl::Status removed =
        fs_.Remove(SegmentPath(options_.directory, sequence));
    if (removed.ok() || absl::IsNotFound(removed)) return absl::OkStatus();
    leftover_ = sequence;
    return removed;
  }

  // What makes others go takes no more room than it must where there is little:
  // it would be kept from making room by the lack of it.
  absl::StatusOr<std::unique_ptr<SegmentWriter>> CreateNext(
      const LogStart& start, const raft::HardState& state,
      uint64_t record_bytes) {
    const uint64_t least = SegmentWriter::CapacityFor(start, record_bytes);
    const uint64_t sequence = writer_->sequence() + 1;
    const auto create = [&](uint64_t capacity)
        -> absl::StatusOr<std::unique_ptr<SegmentWriter>> {
      absl::Status status = RemoveLeftover(sequence);
      if (!status.ok()) return status;
      auto next = SegmentWriter::Create(fs_, options_.directory, sequence,
                                        capacity, start, state);
      if (!next.ok()) leftover_ = sequence;
      return next;
    };
    auto next = create(std::max(options_.segment_bytes, least));
    const bool drops = start.first_segment > start_.first_segment;
    if (!drops || !absl::IsResourceExhausted(next.status())) return next;
    return create(least);
  }

  // The next segment is made before this one is ended: a lack of room is
  // noticed while nothing has changed yet, and an end says that there must be a
  // successor. Segments that `start` does not need go last.
  absl::Status BeginSegment(const LogStart& start, const raft::HardState& state,
                            uint64_t record_bytes) {
    auto next = CreateNext(start, state, record_bytes);
    if (!next.ok()) {
      if (!absl::IsResourceExhausted(next.status())) failed_ = next.status();
      return next.status();
    }
    failed_ = Lasting(writer_->Finish());
    writer_ = *std::move(next);
    last_indexes_.push_back({});
    if (!failed_.ok()) return failed_;
    const uint64_t dropped = start.first_segment - start_.first_segment;
    start_ = start;
    if (dropped == 0) return absl::OkStatus();
    last_indexes_.erase(
        last_indexes_.begin(),
        last_indexes_.begin() + static_cast<std::ptrdiff_t>(dropped));
    failed_ = Lasting(writer_->WriteDurableMark());
    if (!failed_.ok()) return failed_;
    // What stays, goes with the next compaction or at the next Open.
    RemoveSegmentsBefore(fs_, options_.directory, start_.first_segment)
        .IgnoreError();
    return absl::OkStatus();
  }

  env::FileSystem& fs_;
  const RaftLogOptions options_;
  PromiseFile promise_file_;
  Promise promise_;
  std::optional<Promise> stored_;  // what the file holds; nullopt: who knows
  std::unique_ptr<SegmentWriter> writer_;
  uint64_t leftover_ = 0;  // a segment that was not finished; 0: none
  LogStart start_;
  // The highest index in each segment from start_.first_segment on.
  std::deque<raft::LogIndex> last_indexes_;
  raft::HardState hard_state_;
  raft::EntryId last_;
  absl::Status failed_;
};

absl::Status SegmentedLog::Open(RecoveredLog* recovered) {
  const auto promise = promise_file_.Load(fs_);
  if (!promise.ok()) return promise.status();
  stored_ = *promise;
  promise_ = promise->value_or(Promise());
  absl::StatusOr<bool> has_segments = HasSegments(fs_, options_.directory);
  if (!has_segments.ok()) return has_segments.status();
  // A lack of room for it has to show before there is anything.
  if (!stored_.has_value() && !*has_segments) {
    const absl::Status begun = StorePromise(Promise());
    if (!begun.ok()) return begun;
  }
  absl::StatusOr<LogTail> tail = Recover(recovered);
  if (!tail.ok()) return tail.status();
  if (recovered->damage.empty() &&
      tail->start.repair_above >= LastOf(*recovered).term) {
    recovered->repair_above = tail->start.repair_above;
  }
  if (recovered->repair_above > raft::Term() && recovered->damage.empty()) {
    recovered->damage = DescribeDamage(options_.directory, promise_);
  }
  Continue(*std::move(tail), *recovered);
  const Promise kept = PromiseOf(*recovered, promise_);
  absl::Status status;
  if (stored_.has_value()) {
    // What was read may be in the page cache only, left there by a write that
    // failed or was cut off.
    Promise again = kept;
    again.sole_voter = std::exchange(stored_, std::nullopt)->sole_voter;
    status = StorePromise(again);
  }
  // The log may yet turn out to have lost its end (BeginRepair), now or at the
  // next start, and who votes by it then is not who did. The first write stores
  // that.
  promise_ = kept;
  return status;
}

absl::StatusOr<LogTail> SegmentedLog::Recover(RecoveredLog* recovered) {
  absl::StatusOr<LogTail> tail =
      RecoverLog(fs_, options_.directory, options_.segment_bytes,
                 promise_.hard_state, recovered);
  if (tail.ok()) return tail;
  const absl::Status damage = tail.status();
  if (!CorruptPlace(damage).has_value() ||
      options_.repair_as == raft::kNoNode) {
    return damage;
  }
  auto salvaged = SalvageLog(fs_, options_.directory, promise_.hard_state.term);
  if (!salvaged.ok()) return salvaged.status();
  *recovered = *std::move(salvaged);
  return Repair(damage, recovered);
}

absl::StatusOr<LogTail> SegmentedLog::Repair(const absl::Status& damage,
                                             RecoveredLog* content) {
  if (options_.repair_as == raft::kNoNode ||
      promise_.sole_voter == options_.repair_as) {
    return damage;
  }
  // Without it the term could be one in which a vote was given.
  if (!stored_.has_value()) {
    return absl::DataLossError(
        absl::StrCat(damage.message(), "; ", promise_file_.path(),
                     ", which repeats term and vote, is damaged too"));
  }
  auto tail =
      BeginLogRepair(fs_, options_, damage, promise_file_, &promise_, content);
  if (tail.ok()) stored_ = promise_;
  return tail;
}

}  // namespace

bool Holds(const RecoveredLog& log, const raft::EntryId& id) {
  if (id.index <= log.log_start.index) return id == log.log_start;
  const size_t at = id.index - log.log_start.index - 1;
  return at < log.entries.size() && log.entries[at]->id == id;
}

void ReplaceConfiguration(const raft::Configuration& configuration,
                          RecoveredLog* log) {
  for (raft::EntryPtr& entry : log->entries) {
    if (entry->kind != raft::EntryKind::kConfiguration) continue;
    entry = std::make_shared<const raft::Entry>(
        raft::Entry{entry->id, raft::EntryKind::kConfiguration,
                    raft::EncodeConfiguration(configuration)});
  }
  if (log->log_start.index.value() > 0) log->configuration = configuration;
}

absl::StatusOr<std::unique_ptr<RaftLog>> RaftLog::Open(
    env::FileSystem& fs, const RaftLogOptions& options,
    RecoveredLog* recovered) {
  absl::Status status = MakeDirectory(fs, options.directory);
  if (!status.ok()) return status;
  *recovered = {};
  auto log = std::make_unique<SegmentedLog>(fs, options);
  status = log->Open(recovered);
  if (!status.ok()) return status;
  return log;
}

absl::StatusOr<bool> RaftLog::Exists(env::FileSystem& fs,
                                     absl::string_view directory) {
  const absl::StatusOr<bool> exists = fs.Exists(directory);
  if (!exists.ok() || !*exists) return exists;
  const absl::StatusOr<bool> segments = HasSegments(fs, directory);
  if (!segments.ok() || *segments) return segments;
  // Segments that have gone must not make it look as if there never was one.
  const auto promise = PromiseFile(directory).Load(fs);
  if (!promise.ok()) return promise.status();
  return promise->value_or(Promise()).hard_state.term > raft::Term();
}

}  // namespace jaco::storage
