// Servers that have applied the same entries are in the same state: the one
// that a machine of the checker's own is in after the committed log.

#ifndef JACO_SIM_CHECKERS_STATE_DIGEST_H_
#define JACO_SIM_CHECKERS_STATE_DIGEST_H_

#include <vector>

#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/types.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"
#include "jaco/sim/checkers/state_limits.h"

namespace jaco::sim {

class StateDigest {
 public:
  // The next entry that was committed for the first time.
  void Apply(const raft::Entry& entry, Findings& findings);

  void Check(const NodeView& view, Findings& findings) const;

  // After everything that was committed.
  const fsm::ClusterState& machine() const { return machine_; }

 private:
  fsm::ClusterState machine_{kStateLimits};
  std::vector<fsm::Digest> digests_ = {fsm::ClusterState().digest()};
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_STATE_DIGEST_H_
