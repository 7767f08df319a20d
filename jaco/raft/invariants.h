// What must hold after every event, whatever the input was. The simulator asks
// after each; violations name the rule and the values.

#ifndef JACO_RAFT_INVARIANTS_H_
#define JACO_RAFT_INVARIANTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// What a server looks like at one instant: values to compare a later one with.
// The pointers are for the present only: they do not outlive the next input.
struct Observation {
  NodeId id;
  HardState hard_state;
  HardState durable_hard_state;
  Role role = Role::kFollower;
  NodeId leader;
  bool repairing = false;
  EntryId commit;
  LogIndex applied;
  LogIndex durable;
  LogIndex installed;
  EntryId last;
  LogIndex configuration_index;
  uint64_t match_sum = 0;                        // over a leader's members
  const std::vector<Progress>* peers = nullptr;  // of a leader
  const Configuration* configuration = nullptr;
  const Configuration* first_configuration = nullptr;  // as of the log's start
  const Log* log = nullptr;
};

Observation Observe(const Raft& raft);

// kInternal for a state that breaks a rule by itself, or that cannot follow
// `before`, which is the same server's earlier state in the same incarnation.
absl::Status CheckInvariants(const Observation& before,
                             const Observation& after);

inline absl::Status CheckInvariants(const Observation& before,
                                    const Raft& after) {
  return CheckInvariants(before, Observe(after));
}

}  // namespace jaco::raft

#endif  // JACO_RAFT_INVARIANTS_H_
