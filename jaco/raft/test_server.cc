#include "jaco/raft/test_server.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/prng.h"
#include "jaco/raft/describe.h"
#include "jaco/raft/invariants.h"

namespace jaco::raft {

void ModelDisk::Write(const Persist& write) {
  if (write.hard_state.has_value()) hard_state = *write.hard_state;
  if (write.log_start.has_value()) {
    start = write.log_start->last;
    configuration = write.log_start->configuration;
    entries.clear();
  }
  if (write.entries.empty()) return;
  const LogIndex first = write.entries.front()->id.index;
  JACO_CHECK(first > start.index);
  const size_t kept = first - start.index - 1;
  JACO_CHECK(kept <= entries.size());
  entries.resize(kept);
  entries.insert(entries.end(), write.entries.begin(), write.entries.end());
}

bool ModelDisk::Holds(const EntryId& id) const {
  if (id.index <= start.index) return true;
  const size_t at = id.index - start.index - 1;
  return at < entries.size() && entries[at]->id == id;
}

TestServer::TestServer(const Options& options, ModelDisk disk, uint64_t seed)
    : options_(options), disk_(std::move(disk)), seed_(seed) {}

template <typename Action>
void TestServer::Checked(Action action) {
  const Observation before = Observe(*raft_);
  action();
  const absl::Status status = CheckInvariants(before, *raft_);
  if (status_.ok()) status_ = status;
}

bool TestServer::IsDurable(const OutgoingMessage& outgoing) const {
  const Message& message = outgoing.message;
  if (const auto* m = std::get_if<RequestVoteRequest>(&message)) {
    return m->pre_vote || disk_.hard_state == HardState{m->term, id()};
  }
  if (const auto* m = std::get_if<RequestVoteResponse>(&message)) {
    return m->pre_vote || !m->granted ||
           disk_.hard_state == HardState{m->term, outgoing.to};
  }
  if (const auto* m = std::get_if<AppendEntriesResponse>(&message)) {
    // A server that restarts without a trace of the term forgets its promise.
    if (!m->success) {
      return m->promise == Duration() || disk_.hard_state.term == m->term;
    }
    // What is compacted away was durable; it has no term any more.
    const std::optional<Term> term = raft_->log().TermAt(m->match);
    return disk_.hard_state.term == m->term &&
           (!term.has_value() || disk_.Holds({*term, m->match}));
  }
  return true;
}

// More entries that are committed.
void TestServer::Merge(Ready more, Ready& ready) {
  JACO_CHECK(!more.persist.has_value() && more.messages.empty());
  ready.committed.insert(ready.committed.end(), more.committed.begin(),
                         more.committed.end());
  ready.deadline = more.deadline;
}

Ready TestServer::Take(const std::function<void(Raft&)>& input) {
  Ready ready;
  Checked([&] { input(*raft_); });
  if (!raft_->HasReady()) return ready;
  Checked([&] { ready = raft_->TakeReady(); });
  while (raft_->HasReady()) Checked([&] { Merge(raft_->TakeReady(), ready); });
  deadline_ = ready.deadline;
  for (const OutgoingMessage& message : ready.messages) {
    if (status_.ok() && !IsDurable(message)) {
      status_ = absl::InternalError(absl::StrCat(
          "server ", id().value(),
          " promises what is not durable: ", Describe(message.message)));
    }
  }
  if (ready.persist.has_value()) writes_.push_back(*ready.persist);
  if (!ready.committed.empty()) {
    const LogIndex last = ready.committed.back()->id.index;
    Checked([&] { raft_->OnApplied(now_, last); });
  }
  return ready;
}

Ready TestServer::FinishWrites(PersistId upto) {
  while (!writes_.empty() && writes_.front().id <= upto) {
    disk_.Write(writes_.front());
    writes_.pop_front();
  }
  return Take([&](Raft& raft) { raft.OnPersisted(now_, upto); });
}

Ready TestServer::Compact(LogIndex index) {
  const EntryId before = raft_->log().start();
  const Ready ready = Take([&](Raft& raft) { raft.CompactTo(index); });
  const EntryId start = raft_->log().start();
  if (start != before) {
    disk_.configuration = raft_->ConfigurationAt(start.index);
    const size_t gone = start.index - disk_.start.index;
    disk_.entries.erase(
        disk_.entries.begin(),
        disk_.entries.begin() + static_cast<std::ptrdiff_t>(gone));
    disk_.start = start;
  }
  return ready;
}

Ready TestServer::RefuseWrites() {
  return Take(
      [&](Raft& raft) { raft.OnWriteRefused(now_, now_ + Milliseconds(500)); });
}

void TestServer::Crash() {
  raft_.reset();
  writes_.clear();
}

Ready TestServer::Restart() {
  // Another start, other jitter.
  raft_ = std::make_unique<Raft>(
      options_,
      RestoredState{.hard_state = disk_.hard_state,
                    .log_start = disk_.start,
                    .configuration = disk_.configuration,
                    .entries = disk_.entries,
                    .applied = disk_.start.index,
                    .repair_above = disk_.repair_above,
                    .leases_promised = disk_.leases_promised},
      Prng(seed_++), now_);
  disk_.leases_promised |= options_.lease_reads;
  return Take([](Raft&) {});
}

void TestServer::Damage(size_t kept) {
  JACO_CHECK(!up() && kept <= disk_.entries.size());
  disk_.entries.resize(kept);
  disk_.repair_above = disk_.hard_state.term;
  disk_.hard_state = {disk_.repair_above.Next(), kNoNode};
}

bool TestServer::repairing() const {
  const Term last =
      disk_.entries.empty() ? disk_.start.term : disk_.entries.back()->id.term;
  return disk_.repair_above > Term() && last <= disk_.repair_above;
}

}  // namespace jaco::raft
