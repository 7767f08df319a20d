// Every configuration that is not joint has an odd number of voters, at most 7
// (server/voter_policy.h); the one that the cluster began with may be different
// and stay.

#ifndef JACO_SIM_CHECKERS_VOTER_COUNT_H_
#define JACO_SIM_CHECKERS_VOTER_COUNT_H_

#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/raft/describe.h"
#include "jaco/raft/types.h"
#include "jaco/server/voter_policy.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

class VoterCount {
 public:
  void Check(const NodeView& view, Findings& findings) {
    const raft::LogIndex index = view.at.configuration_index;
    raft::LogIndex& checked = checked_[view.node];
    if (index == checked && !view.fresh) return;
    checked = index;
    const raft::Configuration& configuration = *view.configuration;
    if (configuration.IsJoint() || configuration.voters.empty()) return;
    if (index == raft::LogIndex(1)) founders_ = configuration.voters;
    if (configuration.voters == founders_) return;
    const size_t voters = configuration.voters.size();
    if (voters % 2 == 1 && voters <= server::kVotersMax) return;
    findings.Report("voter_count",
                    absl::StrCat("node ", view.node, " has ", voters,
                                 " voters as of index ", index.value(), ": ",
                                 raft::Describe(configuration)));
  }

 private:
  std::vector<raft::NodeId> founders_;
  PerNode<raft::LogIndex> checked_ = {};
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_VOTER_COUNT_H_
