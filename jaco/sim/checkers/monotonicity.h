// Term, commit index and applied index of one incarnation never fall.

#ifndef JACO_SIM_CHECKERS_MONOTONICITY_H_
#define JACO_SIM_CHECKERS_MONOTONICITY_H_

#include "jaco/raft/types.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

class Monotonicity {
 public:
  void Check(const NodeView& view, Findings& findings);

 private:
  struct Seen {
    raft::Term term;
    raft::LogIndex commit;
    raft::LogIndex applied;
    raft::LogIndex machine_applied;
  };
  PerNode<Seen> seen_ = {};
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_MONOTONICITY_H_
