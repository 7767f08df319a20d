// All checkers that look at nodes, in the order in which they must look.

#ifndef JACO_SIM_CHECKERS_CLUSTER_CHECKERS_H_
#define JACO_SIM_CHECKERS_CLUSTER_CHECKERS_H_

#include "jaco/sim/checkers/committed_log.h"
#include "jaco/sim/checkers/configuration_rules.h"
#include "jaco/sim/checkers/durable_log.h"
#include "jaco/sim/checkers/durable_vote.h"
#include "jaco/sim/checkers/election_safety.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/leader_completeness.h"
#include "jaco/sim/checkers/log_matching.h"
#include "jaco/sim/checkers/monotonicity.h"
#include "jaco/sim/checkers/node_view.h"
#include "jaco/sim/checkers/state_digest.h"
#include "jaco/sim/checkers/voter_count.h"

namespace jaco::sim {

class ClusterCheckers {
 public:
  // Whether the voters are chosen by the servers themselves: then their number
  // is never even.
  explicit ClusterCheckers(bool voter_policy) : voter_policy_(voter_policy) {}

  void Check(const NodeView& view, Findings& findings);

  const ElectionSafety& elections() const { return election_safety_; }
  const CommittedLog& committed() const { return committed_; }
  const StateDigest& state() const { return state_digest_; }

 private:
  const bool voter_policy_;
  ElectionSafety election_safety_;
  ConfigurationRules configuration_rules_;
  VoterCount voter_count_;
  DurableVote durable_vote_;
  Monotonicity monotonicity_;
  LogMatching log_matching_;
  LeaderCompleteness leader_completeness_;
  DurableLog durable_log_;
  CommittedLog committed_;
  StateDigest state_digest_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_CLUSTER_CHECKERS_H_
