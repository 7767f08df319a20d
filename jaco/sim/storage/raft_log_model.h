// A naive log in memory, and writes drawn for it: for the tests of RaftLog.

#ifndef JACO_SIM_STORAGE_RAFT_LOG_MODEL_H_
#define JACO_SIM_STORAGE_RAFT_LOG_MODEL_H_

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "jaco/base/check.h"
#include "jaco/base/prng.h"
#include "jaco/raft/ready.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/storage/log_format.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {

inline raft::EntryPtr MakeEntry(uint64_t term, uint64_t index,
                                std::string data) {
  return std::make_shared<const raft::Entry>(
      raft::Entry{{raft::Term(term), raft::LogIndex(index)},
                  raft::EntryKind::kCommand,
                  std::move(data)});
}

inline raft::Persist MakePersist(std::vector<raft::EntryPtr> entries) {
  raft::Persist write{raft::PersistId(1)};
  write.entries = std::move(entries);
  return write;
}

// Some configuration that tells indexes apart.
inline raft::Configuration ConfigurationOf(raft::LogIndex index) {
  raft::Configuration configuration;
  if (index.value() > 0) {
    configuration.voters = {raft::NodeId(index.value())};
    configuration.addresses = {{raft::NodeId(index.value()), "a:1"}};
  }
  return configuration;
}

inline raft::LogStart MakeLogStart(const raft::EntryId& last) {
  return {last, ConfigurationOf(last.index)};
}

// What a log says, or should.
struct LogState {
  raft::HardState hard_state;
  raft::EntryId start;
  std::vector<raft::Entry> entries;  // behind `start`

  static LogState Of(const RecoveredLog& log) {
    LogState state{log.hard_state, log.log_start, {}};
    JACO_CHECK(log.configuration == ConfigurationOf(log.log_start.index));
    for (const raft::EntryPtr& entry : log.entries) {
      state.entries.push_back(*entry);
    }
    return state;
  }

  raft::EntryId last() const {
    return entries.empty() ? start : entries.back().id;
  }
  raft::Term last_term() const { return last().term; }

  void Apply(const raft::Entry& entry) {
    entries.resize(entry.id.index - start.index - 1);
    entries.push_back(entry);
  }
  void ApplyHead(const raft::Persist& write) {
    if (write.hard_state.has_value()) hard_state = *write.hard_state;
    if (!write.log_start.has_value()) return;
    start = write.log_start->last;
    entries.clear();
  }
  void Apply(const raft::Persist& write) {
    ApplyHead(write);
    for (const raft::EntryPtr& entry : write.entries) Apply(*entry);
  }
  // No effect if the entry is not there.
  void CompactTo(const raft::EntryId& id) {
    if (id.index <= start.index || id.index > last().index) return;
    const auto end =
        entries.begin() + static_cast<std::ptrdiff_t>(id.index - start.index);
    if (std::prev(end)->id != id) return;
    entries.erase(entries.begin(), end);
    start = id;
  }
  // Whether it is `expected`, or that and some entries before its start.
  bool Holds(const LogState& expected) const {
    LogState state = *this;
    state.CompactTo(expected.start);
    return state == expected;
  }

  friend bool operator==(const LogState&, const LogState&) = default;
};

// The states that a write that was not acknowledged may leave behind: after any
// number of its parts.
inline std::vector<LogState> StatesDuring(
    LogState state, const std::vector<raft::Persist>& batch) {
  std::vector<LogState> states = {state};
  for (const raft::Persist& write : batch) {
    if (write.hard_state.has_value() || write.log_start.has_value()) {
      state.ApplyHead(write);
      states.push_back(state);
    }
    for (const raft::EntryPtr& entry : write.entries) {
      state.Apply(*entry);
      states.push_back(state);
    }
  }
  return states;
}

inline std::string DrawData(Prng& prng) {
  const size_t size = prng.Chance(1, 20) ? prng.Below(1500) : prng.Below(120);
  std::string data(size, '\0');
  for (char& c : data) c = static_cast<char>(prng.Next());
  return data;
}

// A write that may follow on `state`.
inline raft::Persist DrawWrite(const LogState& state, Prng& prng) {
  raft::Persist write{raft::PersistId(1)};
  raft::HardState hard_state = state.hard_state;
  if (hard_state.term == raft::Term(0) || prng.Chance(1, 4)) {
    hard_state = {hard_state.term.Next(), raft::NodeId(prng.Below(4))};
    write.hard_state = hard_state;
    if (prng.Chance(1, 2)) return write;
  }
  if (prng.Chance(1, 15)) {
    write.log_start = MakeLogStart(
        {hard_state.term, state.last().index + prng.Between(1, 9)});
    if (prng.Chance(1, 2)) return write;
  }
  uint64_t index = state.last().index.value() + 1;
  if (write.log_start.has_value()) {
    index = write.log_start->last.index.value() + 1;
  } else if (prng.Chance(1, 5) && !state.entries.empty()) {
    index -= prng.Between(1, std::min<uint64_t>(5, state.entries.size()));
  }
  for (uint64_t n = prng.Between(1, 4); n > 0; --n, ++index) {
    write.entries.push_back(
        MakeEntry(hard_state.term.value(), index, DrawData(prng)));
  }
  return write;
}

// One to three writes that may follow on `state`, one after the other.
inline std::vector<raft::Persist> DrawBatch(LogState state, Prng& prng) {
  std::vector<raft::Persist> batch;
  for (uint64_t n = prng.Between(1, 3); n > 0; --n) {
    batch.push_back(DrawWrite(state, prng));
    state.Apply(batch.back());
  }
  return batch;
}

// Segments so short that a few writes fill one.
inline RaftLogOptions TestOptions() { return {"data/log", 2048}; }

// A file system with the parent of the log's directory.
inline std::unique_ptr<sim::SimFileSystem> NewFileSystem(uint64_t seed = 1) {
  auto fs = std::make_unique<sim::SimFileSystem>(Prng(seed));
  JACO_CHECK(fs->CreateDirectory("data").ok());
  JACO_CHECK(fs->SyncDirectory("/").ok());
  return fs;
}

// What is in the log's directory.
inline std::vector<std::string> LogNames(env::FileSystem& fs) {
  return fs.List("data/log").value();
}

// The file of a segment in it.
inline std::string Segment(uint64_t sequence) {
  return SegmentPath("data/log", sequence);
}

// How many segments are there.
inline uint64_t CountSegments(env::FileSystem& fs) {
  uint64_t count = 0;
  for (const std::string& name : LogNames(fs)) {
    if (absl::EndsWith(name, ".log")) ++count;
  }
  return count;
}

// Makes a log of that many segments. `on_write` is told of each batch that was
// written.
inline void FillSegments(
    env::FileSystem& fs, const RaftLogOptions& options, uint64_t segments,
    LogState* state,
    const std::function<void(const LogState& before,
                             const std::vector<raft::Persist>& batch)>&
        on_write = [](const LogState&, const std::vector<raft::Persist>&) {}) {
  RecoveredLog recovered;
  auto log = RaftLog::Open(fs, options, &recovered).value();
  Prng prng(5);
  while (CountSegments(fs) < segments) {
    const std::vector<raft::Persist> batch = DrawBatch(*state, prng);
    JACO_CHECK(log->Write(batch).ok());
    on_write(*state, batch);
    for (const raft::Persist& write : batch) state->Apply(write);
  }
}

// One that was made behind the others and never came into use.
inline void MakeUnusedSegment(env::FileSystem& fs,
                              const RaftLogOptions& options, uint64_t sequence,
                              const raft::HardState& state) {
  RecordBuffer head;
  head.Reset(sequence, 0, 0);
  head.AddSegmentHeader(options.segment_bytes);
  head.AddLogStart({});
  head.AddHardState(state);
  auto file = fs.Open(Segment(sequence), env::OpenMode::kCreate).value();
  JACO_CHECK(file->Preallocate(options.segment_bytes).ok());
  JACO_CHECK(file->WriteAt(0, head.bytes()).ok());
}

}  // namespace jaco::storage

#endif  // JACO_SIM_STORAGE_RAFT_LOG_MODEL_H_
