// Whether what servers keep is bounded, however long they run.

#ifndef JACO_SIM_GROWTH_H_
#define JACO_SIM_GROWTH_H_

#include <cstdint>
#include <string>

#include "jaco/sim/swarm_options.h"
#include "jaco/sim/world.h"

namespace jaco::sim {

struct GrowthLimits {
  uint64_t entries;  // of the log in memory
  // In the data directory, on top of one for each of these entries.
  uint64_t files;
};

// What a member keeps at most when no other lags. Its log may be longer until
// its next snapshot is due: for the sake of followers that lagged at the last
// one, or because that failed.
GrowthLimits GrowthLimitsOf(const SwarmOptions& options);

// Which member of the leader's configuration keeps more; empty: none.
std::string Overgrown(World& world, const GrowthLimits& limits);

}  // namespace jaco::sim

#endif  // JACO_SIM_GROWTH_H_
