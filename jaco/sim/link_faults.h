// What the nemesis does to links, and how it ends.

#ifndef JACO_SIM_LINK_FAULTS_H_
#define JACO_SIM_LINK_FAULTS_H_

#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/schedule.h"
#include "jaco/sim/sim_network.h"

namespace jaco::sim {

// Which nodes a fault means: one, and the other end of a link.
struct FaultTarget {
  NodeNumber node;
  NodeNumber peer;
};

class LinkFaults {
 public:
  // `fabric`, of nodes 1 to `nodes`, and `queue` outlive this. What is still to
  // come is scheduled for `owner`.
  LinkFaults(Fabric& fabric, EventQueue& queue, NodeNumber nodes,
             EventOwner owner)
      : fabric_(fabric), queue_(queue), nodes_(nodes), owner_(owner) {}

  static bool Includes(FaultKind kind);
  // Whether Undo has to follow; others end by themselves.
  static bool NeedsUndoing(FaultKind kind);

  void Strike(const Fault& fault, const FaultTarget& target);
  void Undo(const Fault& fault, const FaultTarget& target);

 private:
  using Link = std::pair<NodeNumber, NodeNumber>;  // from, to

  // Calls `apply` for every one-way link that the fault cuts.
  void ForCutLinks(const Fault& fault, const FaultTarget& target,
                   absl::FunctionRef<void(NodeNumber, NodeNumber)> apply);
  void ForLinksBeyondNeighbours(
      const Fault& fault,
      absl::FunctionRef<void(NodeNumber, NodeNumber)> apply);
  void Reset(const Fault& fault, const FaultTarget& target);
  void Swizzle(const Fault& fault, NodeNumber node);
  std::vector<Link> LinksOfSome(uint64_t some) const;

  Fabric& fabric_;
  EventQueue& queue_;
  const NodeNumber nodes_;
  const EventOwner owner_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_LINK_FAULTS_H_
