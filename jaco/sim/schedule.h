// The faults of a run, as data: a seed is one way of making them.

#ifndef JACO_SIM_SCHEDULE_H_
#define JACO_SIM_SCHEDULE_H_

#include <cstdint>
#include <vector>

#include "jaco/base/time.h"
#include "jaco/sim/event.h"
#include "jaco/sim/swarm_options.h"

namespace jaco::sim {

// Stands for whichever node leads when the fault strikes.
inline constexpr NodeNumber kTheLeader = kWorld;

struct Fault {
  Instant at;
  FaultKind kind = FaultKind::kCrash;
  NodeNumber node = kTheLeader;
  NodeNumber peer = 1;  // the other end of a link
  Duration length;      // until it is undone
  uint64_t draw = 0;    // decides the details: which halves, which operation
};

// By time. Faults of a kind are drawn from a stream of their own.
std::vector<Fault> DrawSchedule(uint64_t seed, const SwarmOptions& options);

}  // namespace jaco::sim

#endif  // JACO_SIM_SCHEDULE_H_
