// At which entries snapshots are taken. That depends on nothing but the log, so
// it is the same on every server, and so are the files.

#ifndef JACO_SERVER_SNAPSHOT_RHYTHM_H_
#define JACO_SERVER_SNAPSHOT_RHYTHM_H_

#include <cstdint>

#include "jaco/raft/types.h"

namespace jaco::server {

// A beat is every index that is a multiple of `entries`, and every entry with
// which `bytes` have come since the beat before. Whether a snapshot was taken
// there does not matter. Whoever begins in between (it got a snapshot) agrees
// with the others from the next multiple on, and at once if it begins behind a
// beat.
class SnapshotRhythm {
 public:
  // Both are at least 1.
  SnapshotRhythm(uint64_t entries, uint64_t bytes)
      : entries_(entries), bytes_max_(bytes) {}

  // The log's entry at `index`, with so many bytes; it follows the one of the
  // last call, or a snapshot. Whether it is a beat.
  bool Pass(raft::LogIndex index, uint64_t bytes) {
    bytes_ = index == passed_.Next() ? bytes_ + bytes : bytes;
    passed_ = index;
    if (index.value() % entries_ != 0 && bytes_ < bytes_max_) return false;
    bytes_ = 0;
    return true;
  }

 private:
  const uint64_t entries_;
  const uint64_t bytes_max_;
  raft::LogIndex passed_;
  uint64_t bytes_ = 0;  // since the last beat
};

}  // namespace jaco::server

#endif  // JACO_SERVER_SNAPSHOT_RHYTHM_H_
