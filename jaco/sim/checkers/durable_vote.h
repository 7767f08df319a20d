// A server votes once a term and never forgets that it did, nor the term
// (§3.4): what is durable may only move forward, restarts included.

#ifndef JACO_SIM_CHECKERS_DURABLE_VOTE_H_
#define JACO_SIM_CHECKERS_DURABLE_VOTE_H_

#include "jaco/raft/types.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

class DurableVote {
 public:
  void Check(const NodeView& view, Findings& findings);

 private:
  PerNode<raft::HardState> last_ = {};
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_DURABLE_VOTE_H_
