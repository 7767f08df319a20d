// What one event costs in the core. Run with:
//   bazel run --config=opt //jaco/raft:raft_bench

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "benchmark/benchmark.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {
namespace {

constexpr uint64_t kRestartEvery = 100'000;  // keeps the log small

struct Server {
  Server() {
    RestoredState restored;
    restored.configuration.voters = {NodeId(1), NodeId(2), NodeId(3)};
    raft = std::make_unique<Raft>(Options{.id = NodeId(1)}, restored, Prng(1),
                                  now);
    Take();
  }

  // Acts on what is ready as a driver would; returns the last write.
  void Take() {
    Ready ready = raft->TakeReady();
    if (ready.persist.has_value()) written = ready.persist->id;
    if (!ready.committed.empty()) {
      raft->OnApplied(now, ready.committed.back()->id.index);
    }
    benchmark::DoNotOptimize(ready.messages.data());
  }
  void Persist() {
    raft->OnPersisted(now, written);
    Take();
  }
  void Step(uint64_t from, Message message) {
    raft->Step(now, NodeId(from), std::move(message));
    Take();
  }

  Instant now = Instant() + Seconds(1);
  std::unique_ptr<Raft> raft;
  PersistId written;
};

Server Leading() {
  Server server;
  server.raft->OnDeadline(server.now = server.now + Seconds(10));
  server.Take();
  for (bool pre_vote : {true, false}) {
    server.Step(2, RequestVoteResponse{
                       .term = Term(1), .pre_vote = pre_vote, .granted = true});
    server.Persist();
  }
  for (uint64_t from : {2, 3}) {
    server.Step(from,
                AppendEntriesResponse{
                    .term = Term(1), .success = true, .match = LogIndex(1)});
  }
  return server;
}

void HeartbeatAtFollower(benchmark::State& state) {
  Server server;
  for (auto unused : state) {
    server.Step(2, AppendEntriesRequest{.term = Term(1)});
    if (server.written == PersistId(1)) server.Persist();
  }
}
BENCHMARK(HeartbeatAtFollower);

void AppendAtFollower(benchmark::State& state) {
  Server server;
  EntryId last;
  for (auto unused : state) {
    if (last.index.value() == kRestartEvery) {
      state.PauseTiming();
      server = Server();
      last = {};
      state.ResumeTiming();
    }
    AppendEntriesRequest append{
        .term = Term(1), .previous = last, .commit = last.index};
    last = {Term(1), last.index.Next()};
    append.entries.push_back(std::make_shared<const Entry>(
        Entry{.id = last, .kind = EntryKind::kCommand}));
    server.Step(2, std::move(append));
    server.Persist();
  }
}
BENCHMARK(AppendAtFollower);

void ProposeToCommitAtLeader(benchmark::State& state) {
  Server server = Leading();
  const std::string command(100, 'x');
  for (auto unused : state) {
    if (server.raft->last().index.value() == kRestartEvery) {
      state.PauseTiming();
      server = Leading();
      state.ResumeTiming();
    }
    const LogIndex index =
        server.raft->Propose(server.now, command).value().index;
    server.Take();
    server.Persist();
    for (uint64_t from : {2, 3}) {
      server.Step(from, AppendEntriesResponse{
                            .term = Term(1), .success = true, .match = index});
    }
  }
  state.SetLabel("four events");
}
BENCHMARK(ProposeToCommitAtLeader);

void ReadRoundAtLeader(benchmark::State& state) {
  Server server = Leading();
  uint64_t round = 0;
  for (auto unused : state) {
    server.raft->RequestRead(server.now, ReadId(++round));
    server.Take();
    server.Step(2, AppendEntriesResponse{.term = Term(1),
                                         .success = true,
                                         .round = round,
                                         .match = LogIndex(1)});
  }
  state.SetLabel("two events");
}
BENCHMARK(ReadRoundAtLeader);

}  // namespace
}  // namespace jaco::raft
