// What must hold after every event, whatever the input was. The simulator asks
// after each; violations name the rule and the values.

#ifndef JACO_RAFT_INVARIANTS_H_
#define JACO_RAFT_INVARIANTS_H_

#include "absl/status/status.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// The part of a server's state that may only move in one direction.
struct Observation {
  HardState hard_state;
  HardState durable_hard_state;
  Role role = Role::kFollower;
  NodeId leader;
  LogIndex commit;
  LogIndex applied;
  LogIndex durable;
  EntryId last;
};

Observation Observe(const Raft& raft);

// kInternal for a state that breaks a rule by itself, or that cannot follow
// `before`, which is the same server's earlier state in the same incarnation.
absl::Status CheckInvariants(const Observation& before, const Raft& after);

}  // namespace jaco::raft

#endif  // JACO_RAFT_INVARIANTS_H_
