// Which members vote: a pure function of who is there and how they are.
//
//   members  1  2  3  4  5  6  7  8 or more
//   voters   1  1  3  3  5  5  7  7
//
// Only eligible nonvoters are promoted, the lexicographically first of them; as
// long as there are too few, the number of voters stays below the table, but
// odd. A dead voter makes way for an eligible nonvoter. Excess voters are
// demoted: dead ones first, then those that do not answer, then those that lack
// entries, then the lexicographically last. Nothing else ever moves, so whoever
// leads, and however often it asks, the answer to an answer is the same.

#ifndef JACO_SERVER_VOTER_POLICY_H_
#define JACO_SERVER_VOTER_POLICY_H_

#include <cstddef>
#include <string>
#include <vector>

#include "jaco/raft/types.h"

namespace jaco::server {

inline constexpr size_t kVotersMax = 7;

// The table above; 0 for no members.
size_t VotersFor(size_t members);

struct PolicyMember {
  enum class Health {
    kEligible,  // answers, is caught up, and has been so for long enough
    kLive,      // answers
    kLagging,   // answers, and lacks entries
    kSilent,    // does not answer
    kDead,      // has not answered for so long that it is to be replaced
  };

  raft::NodeId id;
  std::string name;  // decides the order; then the id does
  bool voter = false;
  // Is about to be removed: it does not count as a member, and does not vote.
  bool leaving = false;
  Health health = Health::kEligible;
};

// The voters that there should be, by id. `leader` is a voter, answers, and
// stays one even when it is leaving (it has to hand over first). The present
// voters when every other choice would leave fewer live voters than a quorum of
// the new set, or when `members` has no `leader`.
std::vector<raft::NodeId> ChooseVoters(std::vector<PolicyMember> members,
                                       raft::NodeId leader);

}  // namespace jaco::server

#endif  // JACO_SERVER_VOTER_POLICY_H_
