// What a server holds for durable is there after every crash, and an entry is
// committed only when it is durable on a quorum (§3.5). A server whose disk was
// damaged either has everything all the same, or is in repair: then what it
// held still counts, because it lets nobody lead who does not have it. No other
// server is ever in repair.

#ifndef JACO_SIM_CHECKERS_DURABLE_LOG_H_
#define JACO_SIM_CHECKERS_DURABLE_LOG_H_

#include <map>
#include <vector>

#include "jaco/raft/types.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

class DurableLog {
 public:
  // Follows what the node says is durable; a fresh view must have all of it.
  void CheckNode(const NodeView& view, Findings& findings);

  // `view`'s node is the first to have committed the entries from `from` up to
  // its commit index. Asks for a majority of the voters, and of the outgoing
  // ones, that hold them durably.
  void CheckQuorum(const NodeView& view, raft::LogIndex from,
                   Findings& findings);

 private:
  bool Holds(raft::NodeId node, const raft::EntryId& id) const;
  size_t CountHolders(const std::vector<raft::NodeId>& voters,
                      const raft::EntryId& id) const;
  void CheckSurvived(const NodeView& view, Findings& findings) const;
  void CheckRepair(const NodeView& view, Findings& findings);

  // By node: the terms of its durable entries, from index 1 on.
  PerNode<std::vector<raft::Term>> terms_;
  // What servers in repair had acknowledged before.
  PerNode<std::vector<std::vector<raft::Term>>> promised_;
  PerNode<bool> repairing_ = {};
  // By id, which is not the number where servers join by tokens.
  std::map<raft::NodeId, NodeNumber> numbers_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_DURABLE_LOG_H_
