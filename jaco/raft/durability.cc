#include "jaco/raft/durability.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "jaco/base/check.h"
#include "jaco/raft/log.h"

namespace jaco::raft {

bool Durability::HasWrite(const HardState& hard_state, const Log& log) const {
  return hard_state != handed_out_ || start_.has_value() ||
         log.last().index >= next_;
}

std::optional<Persist> Durability::TakeWrite(const HardState& hard_state,
                                             const Log& log, Instant now) {
  if (!HasWrite(hard_state, log)) return std::nullopt;
  Persist write;
  write.id = ++last_id_;
  if (hard_state != handed_out_) {
    write.hard_state = hard_state;
    handed_out_ = hard_state;
  }
  write.log_start = std::exchange(start_, std::nullopt);
  if (log.last().index >= next_) {
    constexpr size_t kAll = std::numeric_limits<size_t>::max();
    log.CopyTo(&write.entries, next_, kAll, kAll);
    next_ = log.last().index.Next();
  }
  writes_.push_back({write.id, hard_state, log.last().index, now});
  return write;
}

void Durability::OnPersisted(PersistId upto, Instant now) {
  JACO_CHECK(upto <= last_id_);
  while (!writes_.empty() && writes_.front().id <= upto) {
    durable_ = writes_.front().last;
    durable_state_ = writes_.front().hard_state;
    writes_.pop_front();
  }
  refused_ = false;
  // The others waited for these.
  if (!writes_.empty()) {
    writes_.front().since = std::max(writes_.front().since, now);
  }
}

void Durability::OnInstalled(LogIndex kept, LogStart start) {
  durable_ = std::min(durable_, kept);
  for (Write& write : writes_) write.last = std::min(write.last, kept);
  next_ = start.last.index.Next();
  start_ = std::move(start);
}

void Durability::OnTruncated(LogIndex index) {
  const LogIndex last = index.Previous();
  durable_ = std::min(durable_, last);
  next_ = std::min(next_, index);
  for (Write& write : writes_) write.last = std::min(write.last, last);
}

}  // namespace jaco::raft
