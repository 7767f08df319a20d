#include "jaco/sim/schedule.h"

#include <algorithm>

#include "jaco/sim/stream.h"

namespace jaco::sim {
namespace {

// A limit on the faults of one kind in a run.
constexpr int kFaultsMax = 1000;

Fault DrawFault(Prng& prng, const SwarmOptions& options, FaultKind kind,
                Duration mean_length) {
  const auto servers = static_cast<uint64_t>(options.servers + options.spares);
  Fault fault;
  fault.kind = kind;
  fault.node = static_cast<NodeNumber>(prng.Between(1, servers));
  if (prng.Chance(1, 3)) fault.node = kTheLeader;
  fault.peer = static_cast<NodeNumber>(prng.Between(1, servers));
  fault.length = prng.Tail(mean_length);
  fault.draw = prng.Next();
  return fault;
}

}  // namespace

std::vector<Fault> DrawSchedule(uint64_t seed, const SwarmOptions& options) {
  std::vector<Fault> schedule;
  for (int i = 0; i < kFaultKinds; ++i) {
    const FaultOptions& faults = options.faults[static_cast<size_t>(i)];
    if (faults.interval == Duration()) continue;
    Prng prng = MakeStream(seed, Stream::kFault, static_cast<uint64_t>(i));
    Instant at;
    for (int count = 0; count < kFaultsMax; ++count) {
      at = at + prng.Tail(faults.interval);
      if (at - Instant() >= options.fault_time) break;
      schedule.push_back(
          DrawFault(prng, options, static_cast<FaultKind>(i), faults.length));
      schedule.back().at = at;
    }
  }
  std::stable_sort(schedule.begin(), schedule.end(),
                   [](const Fault& a, const Fault& b) { return a.at < b.at; });
  return schedule;
}

}  // namespace jaco::sim
