// Majorities, of one voter list or of both in joint consensus (§4.3).

#ifndef JACO_RAFT_QUORUM_H_
#define JACO_RAFT_QUORUM_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// How many of `voters` make a majority.
constexpr size_t MajorityOf(size_t voters) { return voters / 2 + 1; }

enum class VoteResult { kPending, kWon, kLost };

namespace internal {

// The largest value that a majority of `voters` has reached.
template <typename Value, typename ValueOf>
Value ReachedByMajority(const std::vector<NodeId>& voters, ValueOf value_of) {
  absl::InlinedVector<Value, 16> values;
  for (NodeId voter : voters) values.push_back(value_of(voter));
  auto nth = values.begin() + static_cast<std::ptrdiff_t>(
                                  values.size() - MajorityOf(values.size()));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

}  // namespace internal

// The largest value that a quorum has reached: the committed index when
// `value_of` gives match indexes, the age of the last contact when it gives
// instants. `value_of(NodeId) -> Value`; Value is ordered.
template <typename Value, typename ValueOf>
Value ReachedByQuorum(const Configuration& configuration, ValueOf value_of) {
  Value value =
      internal::ReachedByMajority<Value>(configuration.voters, value_of);
  if (!configuration.IsJoint()) return value;
  return std::min(value, internal::ReachedByMajority<Value>(
                             configuration.outgoing, value_of));
}

// Where an election stands. `granted` and `refused` name voters, each at most
// once in all; names outside the configuration do not count.
VoteResult CountVotes(const Configuration& configuration,
                      const std::vector<NodeId>& granted,
                      const std::vector<NodeId>& refused);

}  // namespace jaco::raft

#endif  // JACO_RAFT_QUORUM_H_
