#include "jaco/raft/progress.h"

#include <algorithm>

#include "jaco/base/check.h"

namespace jaco::raft {

void Inflights::Add(LogIndex last, size_t bytes) {
  JACO_CHECK(window_.empty() || window_.back().last < last);
  window_.push_back({last, bytes});
  bytes_ += bytes;
}

void Inflights::FreeTo(LogIndex index) {
  while (!window_.empty() && window_.front().last <= index) {
    bytes_ -= window_.front().bytes;
    window_.pop_front();
  }
}

void Inflights::Clear() {
  window_.clear();
  bytes_ = 0;
}

void Progress::OnAcknowledged(LogIndex index) {
  // Answers overtake each other: an old one must not take `match` back.
  match = std::max(match, index);
  next = std::max(next, match.Next());
  inflights.FreeTo(match);
  if (state != State::kReplicate && next == match.Next()) {
    state = State::kReplicate;
    probe_sent = false;
    snapshot_due = false;
    snapshot_failed = false;
  }
}

void Progress::BecomeProbe(LogIndex next_index) {
  state = State::kProbe;
  next = std::max(next_index, match.Next());
  probe_sent = false;
  snapshot_due = false;
  snapshot_failed = false;
  inflights.Clear();
}

void Progress::BecomeSnapshot(LogIndex start) {
  BecomeProbe(start.Next());
  state = State::kSnapshot;
  snapshot_due = true;
}

}  // namespace jaco::raft
