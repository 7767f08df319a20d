#include "jaco/raft/test_server.h"

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
  if (write.entries.empty()) return;
  const LogIndex first = write.entries.front()->id.index;
  JACO_CHECK(first.value() <= entries.size() + 1);
  entries.resize(first.value() - 1);
  entries.insert(entries.end(), write.entries.begin(), write.entries.end());
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
    if (!m->success) return true;
    const size_t match = m->match.value();
    return disk_.hard_state.term == m->term && match <= disk_.entries.size() &&
           (match == 0 ||
            disk_.entries[match - 1]->id == raft_->log().At(m->match)->id);
  }
  return true;
}

Ready TestServer::Take(const std::function<void(Raft&)>& input) {
  Ready ready;
  Checked([&] { input(*raft_); });
  if (!raft_->HasReady()) return ready;
  Checked([&] { ready = raft_->TakeReady(); });
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

void TestServer::Crash() {
  raft_.reset();
  writes_.clear();
}

Ready TestServer::Restart() {
  // Another start, other jitter.
  raft_ =
      std::make_unique<Raft>(options_,
                             RestoredState{.hard_state = disk_.hard_state,
                                           .configuration = disk_.configuration,
                                           .entries = disk_.entries},
                             Prng(seed_++), now_);
  return Take([](Raft&) {});
}

}  // namespace jaco::raft
