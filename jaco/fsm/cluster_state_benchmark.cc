#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/testing.h"

namespace jaco::fsm {
namespace {

// Batches of 64 as the replica would apply them, in a state of up to
// `range(0)` tokens; past kAuditEventsMax each also drops an audit event.
void BM_ApplyTokenIssue(benchmark::State& bench) {
  const auto tokens = static_cast<uint64_t>(bench.range(0));
  std::vector<std::string> commands;
  for (uint64_t i = 0; i < tokens; ++i) {
    commands.push_back(
        testing::Issue(absl::StrCat("operator-", i), i).SerializeAsString());
  }
  ClusterState state;
  uint64_t next = 0;
  for (auto _ : bench) {
    if (next == tokens) {
      bench.PauseTiming();
      state = ClusterState();
      next = 0;
      bench.ResumeTiming();
    }
    benchmark::DoNotOptimize(
        state.Apply(raft::LogIndex(next + 1), commands[next]));
    if (++next % 64 == 0) benchmark::DoNotOptimize(state.TakeRowEdits());
  }
}
BENCHMARK(BM_ApplyTokenIssue)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace jaco::fsm
