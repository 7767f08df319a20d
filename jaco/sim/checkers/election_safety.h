// Election Safety: at most one leader in a term (dissertation, figure 3.2).

#ifndef JACO_SIM_CHECKERS_ELECTION_SAFETY_H_
#define JACO_SIM_CHECKERS_ELECTION_SAFETY_H_

#include <map>

#include "jaco/raft/types.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

class ElectionSafety {
 public:
  void Check(const NodeView& view, Findings& findings);

  // Elections won so far.
  size_t leaders() const { return leader_of_.size(); }

 private:
  std::map<raft::Term, NodeNumber> leader_of_;
  PerNode<raft::Term> seen_ = {};  // the term in which it last led
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_ELECTION_SAFETY_H_
