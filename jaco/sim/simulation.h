// A run: seed -> options -> schedule of faults -> world -> verdict.

#ifndef JACO_SIM_SIMULATION_H_
#define JACO_SIM_SIMULATION_H_

#include <cstdint>
#include <cstdio>
#include <optional>

#include "jaco/base/time.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/swarm_options.h"

namespace jaco::sim {

struct RunResult {
  std::optional<Violation> violation;
  // The violation is of liveness: nothing wrong was done, but something right
  // was not.
  bool liveness = false;
  uint64_t events = 0;
  Duration simulated;
  uint64_t hash = 0;  // of the whole trace
  // What the run has seen; a run that has seen little proves little.
  uint64_t calls = 0;
  uint64_t operations = 0;
  uint64_t committed = 0;
  uint64_t leaders = 0;
  uint64_t crashes = 0;
  uint64_t installs = 0;  // of snapshots
  uint64_t leases = 0;    // how often a node was seen to hold one
  uint64_t damages = 0;   // to the files of servers that were down
  uint64_t wipes = 0;     // of their whole disks
  uint64_t repairs = 0;   // of logs, from other servers
  uint64_t steps = 0;     // of a walk: see Nemesis
  bool walked = false;    // to the end, in the time for faults
  uint64_t refusals = 0;  // of join tokens that were spent
};

// Runs one seed to its end or to its first violation: faults for
// `options.fault_time`; then all servers heal but some that the rest can do
// without, if so drawn; then those, too. Each time, within
// `options.liveness_time`, there must be one leader that all follow and that
// stays, every call answered, a new token issued and listed, and the same log
// and state on every node. Prints the trace to `trace` unless it is nullptr.
RunResult Run(uint64_t seed, const SwarmOptions& options, std::FILE* trace);

}  // namespace jaco::sim

#endif  // JACO_SIM_SIMULATION_H_
