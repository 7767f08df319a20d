#include "jaco/raft/quorum.h"

namespace jaco::raft {
namespace {

size_t CountIn(const std::vector<NodeId>& voters,
               const std::vector<NodeId>& names) {
  return static_cast<size_t>(
      std::count_if(names.begin(), names.end(), [&](NodeId name) {
        return std::binary_search(voters.begin(), voters.end(), name);
      }));
}

VoteResult CountMajority(const std::vector<NodeId>& voters,
                         const std::vector<NodeId>& granted,
                         const std::vector<NodeId>& refused) {
  const size_t majority = MajorityOf(voters.size());
  if (CountIn(voters, granted) >= majority) return VoteResult::kWon;
  const size_t open = voters.size() - CountIn(voters, refused);
  return open >= majority ? VoteResult::kPending : VoteResult::kLost;
}

}  // namespace

VoteResult CountVotes(const Configuration& configuration,
                      const std::vector<NodeId>& granted,
                      const std::vector<NodeId>& refused) {
  const VoteResult incoming =
      CountMajority(configuration.voters, granted, refused);
  if (!configuration.IsJoint()) return incoming;
  const VoteResult outgoing =
      CountMajority(configuration.outgoing, granted, refused);
  if (incoming == VoteResult::kLost || outgoing == VoteResult::kLost) {
    return VoteResult::kLost;
  }
  return incoming == VoteResult::kWon ? outgoing : incoming;
}

}  // namespace jaco::raft
