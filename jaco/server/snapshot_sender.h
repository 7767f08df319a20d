// One snapshot on its way to one follower: a window of chunks in flight, sent
// again when nothing is heard, and picked up where the follower says it stands.
// Decides only; the caller sends and keeps the time.

#ifndef JACO_SERVER_SNAPSHOT_SENDER_H_
#define JACO_SERVER_SNAPSHOT_SENDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jaco/base/time.h"
#include "jaco/raft/snapshot.h"
#include "jaco/raft/types.h"

namespace jaco::server {

class SnapshotSender {
 public:
  struct Options {
    size_t chunk_bytes = size_t{128} << 10;
    size_t window_chunks = 4;
    // Without an answer for so long the first chunk in doubt is sent again ...
    Duration resend_after = Milliseconds(500);
    // ... and for so long the transfer has failed.
    Duration give_up_after = Seconds(10);
  };
  enum class State {
    kSending,
    kInstalled,
    kRefused,  // the follower has no room, or no use for it
    kFailed,   // nothing was heard
  };

  SnapshotSender(const Options& options, raft::Term term,
                 raft::LogIndex session, raft::SnapshotId id,
                 std::shared_ptr<const std::string> file, Instant now);

  const raft::SnapshotId& id() const { return id_; }
  raft::LogIndex session() const { return session_; }
  State state() const { return state_; }

  void OnAck(Instant now, const raft::SnapshotChunkAck& ack);
  // To be called from time to time.
  void OnTime(Instant now);
  // What is to be sent now.
  std::vector<raft::SnapshotChunk> TakeChunks() {
    return std::exchange(chunks_, {});
  }

 private:
  void Fill(Instant now);
  void Probe(Instant now);
  void Add(uint64_t offset);

  const Options options_;
  const raft::Term term_;
  const raft::LogIndex session_;
  const raft::SnapshotId id_;
  const std::shared_ptr<const std::string> file_;
  State state_ = State::kSending;
  // It is not known where the follower stands: one chunk is out to ask.
  bool probing_ = true;
  uint64_t acknowledged_ = 0;
  uint64_t next_ = 0;
  Instant last_sent_;
  Instant last_heard_;
  std::vector<raft::SnapshotChunk> chunks_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_SNAPSHOT_SENDER_H_
