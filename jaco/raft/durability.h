// Which part of the state is on stable storage: the book-keeping behind the
// rule that no promise leaves before the write it rests on is durable.

#ifndef JACO_RAFT_DURABILITY_H_
#define JACO_RAFT_DURABILITY_H_

#include <deque>
#include <optional>

#include "jaco/base/time.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

class Log;

class Durability {
 public:
  // What was read back at the start is durable.
  Durability(const HardState& hard_state, LogIndex last)
      : handed_out_(hard_state),
        durable_state_(hard_state),
        durable_(last),
        next_(last.Next()) {}

  // The entries up to here are durable as they now stand in the log.
  LogIndex index() const { return durable_; }
  const HardState& hard_state() const { return durable_state_; }

  // The next write: what changed since the last; nullopt when nothing did.
  std::optional<Persist> TakeWrite(const HardState& hard_state, const Log& log,
                                   Instant now);
  bool HasWrite(const HardState& hard_state, const Log& log) const;

  // Since when the disk has not answered while it had something to write;
  // nullopt: it has nothing.
  std::optional<Instant> silent_since() const {
    if (writes_.empty()) return std::nullopt;
    return writes_.front().since;
  }

  // The last answer of the disk was that there is no room.
  bool refused() const { return refused_; }

  // Every write up to `upto` is durable. Ids that were not handed out are a
  // mistake of the caller.
  void OnPersisted(PersistId upto, Instant now);

  // There is no room for the oldest write, which is tried again at `next_try`.
  void OnRefused(Instant next_try) {
    refused_ = true;
    if (!writes_.empty()) writes_.front().since = next_try;
  }

  // The log was replaced by one that is empty and begins behind `start`. Of
  // what was durable, entries up to `kept` were right and are superseded.
  void OnInstalled(LogIndex kept, LogStart start);

  // The log lost its entries from `index` on: writes under way prove nothing
  // about what will stand there.
  void OnTruncated(LogIndex index);

 private:
  struct Write {
    PersistId id;
    HardState hard_state;
    LogIndex last;  // what is durable of the present log once this write is
    Instant since;  // handed out, or first of those under way
  };

  HardState handed_out_;
  HardState durable_state_;
  LogIndex durable_;
  LogIndex next_;                  // the first entry that is in no write yet
  std::optional<LogStart> start_;  // in no write yet
  PersistId last_id_;
  std::deque<Write> writes_;  // under way
  bool refused_ = false;
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_DURABILITY_H_
