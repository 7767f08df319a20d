// What servers say to each other about a snapshot: its bytes travel in chunks,
// beside the messages of the core.

#ifndef JACO_RAFT_SNAPSHOT_H_
#define JACO_RAFT_SNAPSHOT_H_

#include <cstdint>
#include <string>
#include <variant>

#include "jaco/raft/types.h"

namespace jaco::raft {

// Names the bytes of one snapshot file, whoever wrote it.
struct SnapshotId {
  EntryId last;       // the entry that it ends with
  uint64_t size = 0;  // in bytes, not 0
  uint32_t checksum = 0;

  friend bool operator==(const SnapshotId&, const SnapshotId&) = default;
};

// A leader's. `term` and `session` are the same as in its AppendEntries.
struct SnapshotChunk {
  Term term;
  LogIndex session;
  SnapshotId id;
  uint64_t offset = 0;
  std::string data;  // empty only at the end: asks what became of it

  friend bool operator==(const SnapshotChunk&, const SnapshotChunk&) = default;
};

enum class SnapshotStatus : uint8_t {
  kMore = 0,       // everything up to `offset` has arrived
  kInstalled = 1,  // or it was not needed any more
  kRefused = 2,    // damaged, or there is no room: start over, later
};

struct SnapshotChunkAck {
  Term term;
  LogIndex session;
  SnapshotId id;
  uint64_t offset = 0;
  SnapshotStatus status = SnapshotStatus::kMore;

  friend bool operator==(const SnapshotChunkAck&,
                         const SnapshotChunkAck&) = default;
};

using SnapshotMessage = std::variant<SnapshotChunk, SnapshotChunkAck>;

}  // namespace jaco::raft

#endif  // JACO_RAFT_SNAPSHOT_H_
