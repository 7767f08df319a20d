// The Raft log on disk: segments of checksummed records, written by one append
// and one sync however many writes are queued. The layout is in
// docs/formats.md.
//
// What is told apart at Open:
// - a torn tail: the last, unfinished append before a crash. No write in it was
//   ever reported durable. It is cut.
// - corruption: damage to records that were durable (bit rot, a misdirected or
//   lost write). Never cut, never skipped: the log is repaired from the other
//   servers (RaftLogOptions::repair_as), or Open fails with kDataLoss and names
//   the file and the offset.
// The line between them is the sync mark: a small record that is appended right
// after each successful sync (not itself synced), so damage in front of any
// mark is corruption. What destroys the last mark of all and records of the
// write before it as well looks like a torn tail: nothing here can tell.

#ifndef JACO_STORAGE_RAFT_LOG_H_
#define JACO_STORAGE_RAFT_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "jaco/env/file_system.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/types.h"

namespace jaco::storage {

// So many terms a recovery passes over (ReplaceConfiguration): more elections
// than the servers that are lost can have seen and the survivors have not.
inline constexpr uint64_t kRecoveryTerms = 1'000'000;

struct RaftLogOptions {
  std::string directory;  // created when missing; its parent exists
  // A segment is preallocated to this size; a new one begins when the next
  // Write does not fit. One that is longer gets a segment to itself. Where
  // there is no room for that, one that lets others go is as small as can be.
  uint64_t segment_bytes = uint64_t{16} << 20;
  // Who this server is. A damaged log then becomes one that is being repaired:
  // see RecoveredLog::repair_above. Not when this is the only voter, as far as
  // is known, or what it has promised is not known any more; and kNoNode:
  // never. Open then fails and changes nothing.
  raft::NodeId repair_as;
};

// What the log said when it was opened.
struct RecoveredLog {
  raft::HardState hard_state;
  // Compacted away up to here, with the configuration as of then; {0, 0} and
  // empty for a log that is whole.
  raft::EntryId log_start;
  raft::Configuration configuration;
  // Contiguous, ascending, the first follows log_start.
  std::vector<raft::EntryPtr> entries;
  uint64_t torn_bytes = 0;  // cut from the tail
  // Not 0: entries of terms up to this one, which this server may have
  // acknowledged, were lost. It may neither vote nor stand for election until
  // the log holds an entry of a later term: see raft::RestoredState.
  raft::Term repair_above;
  std::string damage;  // in words, while repair_above is not 0

  // Entries alone are left over from a founding that was cut off.
  bool HoldsState() const {
    return log_start.index.value() > 0 || hard_state.term.value() > 0;
  }
};

// Whether `log` begins behind `id` or contains it.
bool Holds(const RecoveredLog& log, const raft::EntryId& id);

// `configuration` takes the place of every configuration in `log`, as
// RaftLog::ReplaceConfiguration does on disk.
void ReplaceConfiguration(const raft::Configuration& configuration,
                          RecoveredLog* log);

// Not thread-safe: lives on the log lane.
class RaftLog {
 public:
  // Opens the log in `options.directory`, or creates an empty one. `fs`
  // outlives the log. Errors: kDataLoss for corruption, kFailedPrecondition for
  // a format version that this build does not know, and those of `fs`.
  static absl::StatusOr<std::unique_ptr<RaftLog>> Open(
      env::FileSystem& fs, const RaftLogOptions& options,
      RecoveredLog* recovered);

  // True when there is a log in `directory`, or something says that there was.
  static absl::StatusOr<bool> Exists(env::FileSystem& fs,
                                     absl::string_view directory);

  virtual ~RaftLog() = default;

  // Makes `writes`, in order, durable with one append and one sync (more only
  // where a segment ends). On OK all are durable. kResourceExhausted: there is
  // no room for the next segment; nothing has changed, and the same call may be
  // made again. After any other error none of `writes` may be relied upon, and
  // every later call returns that error: the caller stops and lets Open find
  // out what is there.
  //
  // A `log_start` in a write replaces the whole log: after a crash there is
  // either all of it or none.
  virtual absl::Status Write(absl::Span<const raft::Persist> writes) = 0;

  // Entries up to `start`, which were written, are not needed any more. Drops
  // the segments that hold nothing else: the log may go on to begin earlier on
  // disk, also at the next Open. A start at or before the present one has no
  // effect. Errors are those of Write; also after kResourceExhausted the log is
  // as it was.
  virtual absl::Status CompactTo(const raft::LogStart& start) = 0;

  // For the recovery of a cluster that has lost its quorum: puts
  // `configuration` into every configuration entry of the log, and where the
  // log begins, and passes over kRecoveryTerms. All other entries, and all ids,
  // stay. Returns the hard state that holds then. Durable, and the members not
  // without a later term, nor all of the terms without the members. Errors are
  // those of Write.
  virtual absl::StatusOr<raft::HardState> ReplaceConfiguration(
      const raft::Configuration& configuration) = 0;
  // What the log builds on, or its end, was found to be lost: it now holds
  // `content` (start, configuration and entries) and is being repaired; the
  // rest of `content` is filled in. `damage` says why, and is the error when
  // there can be no repair; other errors are those of Open. Comes before the
  // first Write.
  virtual absl::Status BeginRepair(const absl::Status& damage,
                                   RecoveredLog* content) = 0;
};

}  // namespace jaco::storage

#endif  // JACO_STORAGE_RAFT_LOG_H_
