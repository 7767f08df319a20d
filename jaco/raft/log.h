// The log as the core sees it: every entry that is not compacted away, in
// memory, shared by pointer with whoever sends, writes or applies it.

#ifndef JACO_RAFT_LOG_H_
#define JACO_RAFT_LOG_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "jaco/raft/types.h"

namespace jaco::raft {

class Log {
 public:
  // `entries` are contiguous and follow `start`, the last entry that is
  // compacted away ({0, 0}: none).
  Log(EntryId start, std::vector<EntryPtr> entries);

  EntryId start() const { return start_; }
  EntryId last() const {
    return entries_.empty() ? start_ : entries_.back()->id;
  }

  // The term of the entry at `index`; nullopt outside [start, last].
  std::optional<Term> TermAt(LogIndex index) const;
  bool Contains(const EntryId& id) const { return TermAt(id.index) == id.term; }
  // `index` in (start, last].
  const EntryPtr& At(LogIndex index) const;

  // The entry follows last() and its term is not lower.
  void Append(EntryPtr entry);
  // Forgets the entries at and after `index`, which is in (start, last].
  void TruncateFrom(LogIndex index);
  // Forgets the entries up to and including `index`, which is in [start, last]:
  // the log then begins behind it.
  void CompactTo(LogIndex index);
  // The log is empty and begins behind `start`.
  void Reset(EntryId start);

  // Appends to `out` the entries from `from` on: at most `entries_max`, and no
  // more than `bytes_max` of data unless the first alone is larger.
  void CopyTo(std::vector<EntryPtr>* out, LogIndex from, size_t entries_max,
              size_t bytes_max) const;

  // The last entry that is not beyond `limit` in index or in term; start() when
  // there is none. Where two logs conflict at `limit`, whatever they share ends
  // at or before it (§3.5).
  EntryId LastNotBeyond(const EntryId& limit) const;

 private:
  EntryId start_;
  std::deque<EntryPtr> entries_;
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_LOG_H_
