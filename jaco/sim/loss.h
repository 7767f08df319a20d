// Servers that do not come back: what is left of a cluster has to do without
// them, for as long as it has a quorum.

#ifndef JACO_SIM_LOSS_H_
#define JACO_SIM_LOSS_H_

#include <set>
#include <vector>

#include "jaco/base/prng.h"
#include "jaco/raft/types.h"
#include "jaco/sim/event.h"
#include "jaco/sim/world.h"

namespace jaco::sim {

struct Loss {
  std::set<NodeNumber> servers;
  // They still reach some of the others, and may even lead.
  bool partly = false;
};

// Whether every server has read its disk and says what it is: a member, or one
// that waits to be told to join.
bool AllStarted(World& world);

// Whether every configuration that may be in force has a quorum without `lost`
// and without the servers that are in repair. All servers have started.
bool CanSpare(World& world, std::set<NodeNumber> lost);

// Whether `voters` have.
bool HasQuorumWithout(const World& world, const std::set<NodeNumber>& lost,
                      const std::vector<raft::NodeId>& voters);

// Takes away, until the world is healed, servers without which every
// configuration that may be in force has a quorum: they are down, or do not
// hear, or are not heard, or reach one of the others only. All other servers
// are up and reach each other. Often takes none.
Loss Lose(World& world, Prng& prng);

}  // namespace jaco::sim

#endif  // JACO_SIM_LOSS_H_
