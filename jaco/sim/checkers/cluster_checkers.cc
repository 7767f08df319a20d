#include "jaco/sim/checkers/cluster_checkers.h"

namespace jaco::sim {

void ClusterCheckers::Check(const NodeView& view, Findings& findings) {
  election_safety_.Check(view, findings);
  durable_vote_.Check(view, findings);
  configuration_rules_.Check(view, findings);
  if (voter_policy_) voter_count_.Check(view, findings);
  monotonicity_.Check(view, findings);
  log_matching_.Check(view, findings);
  leader_completeness_.Check(view, committed_, findings);
  durable_log_.CheckNode(view, findings);
  const raft::LogIndex before = committed_.last();
  committed_.Check(view, findings);
  if (committed_.last() > before) {
    durable_log_.CheckQuorum(view, before.Next(), findings);
    for (raft::LogIndex i = before.Next(); i <= committed_.last(); ++i) {
      state_digest_.Apply(*committed_.At(i).entry, findings);
    }
  }
  state_digest_.Check(view, findings);
}

}  // namespace jaco::sim
