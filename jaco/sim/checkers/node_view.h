// What checkers see of one node.

#ifndef JACO_SIM_CHECKERS_NODE_VIEW_H_
#define JACO_SIM_CHECKERS_NODE_VIEW_H_

#include <array>

#include "jaco/fsm/state_machine.h"
#include "jaco/raft/invariants.h"
#include "jaco/raft/log.h"
#include "jaco/raft/types.h"
#include "jaco/sim/event.h"

namespace jaco::sim {

// A member after an event that touched it. Pointers are to the node's own
// objects: they hold during the call that takes the view.
struct NodeView {
  NodeNumber node = 0;
  // The first view of an incarnation: what it read back from its disk.
  bool fresh = false;
  // The disk was damaged since the incarnation before, which a fresh view is
  // the first to show.
  bool damaged = false;
  // It has left and joined again, as another server than the views before
  // showed: what that one had promised does not bind it. A fresh view.
  bool anew = false;
  raft::Observation at;
  const raft::Log* log = nullptr;
  const raft::Configuration* configuration = nullptr;
  raft::LogIndex machine_applied;
  fsm::Digest digest;
};

// Something for each node, by its number.
template <typename T>
using PerNode = std::array<T, kNodesMax + 1>;

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_NODE_VIEW_H_
