// Leader Completeness (§3.6.3): an entry committed in one term is in the logs
// of the leaders of all later terms.

#ifndef JACO_SIM_CHECKERS_LEADER_COMPLETENESS_H_
#define JACO_SIM_CHECKERS_LEADER_COMPLETENESS_H_

#include "jaco/raft/types.h"
#include "jaco/sim/checkers/committed_log.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

class LeaderCompleteness {
 public:
  // `committed` as it was before the event that `view` is of.
  void Check(const NodeView& view, const CommittedLog& committed,
             Findings& findings);

 private:
  PerNode<raft::Term> seen_ = {};  // the term in which it last led
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_LEADER_COMPLETENESS_H_
