// For tests: visits every state that a small cluster can get into, breadth
// first, and looks at each. Messages are a set without order: each may be
// delivered, lost, or delivered and kept for once more.
//
// Time has no length here: any follower's patience may end at any moment, and a
// leader's quorum may be gone at any moment. So none of the safety properties
// can rest on timing.

#ifndef JACO_RAFT_EXPLORER_H_
#define JACO_RAFT_EXPLORER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "jaco/raft/types.h"

namespace jaco::raft {

// What bounds the states.
struct Scenario {
  Configuration founding;
  size_t servers = 0;  // those that are no members at first have the last ids
  Term term_max{2};    // nobody stands for election beyond
  size_t messages_max = 2;  // in flight; what would be more is lost
  int proposals = 0;
  int crashes = 0;  // each with a restart
  int losses = 0;
  int duplicates = 0;
  // Begins with server 1 as the leader of term 1, its first entry committed.
  bool led = false;
  // A leader may be asked for this once; no voters: it is not.
  Configuration target;
  // A planted bug: writes are reported durable and lost in a crash.
  bool lying_disk = false;
  // Where to stop.
  size_t states_max = 0;
};

struct Exploration {
  size_t states = 0;  // distinct ones
  size_t depth = 0;   // all states that so many steps reach were visited
  bool complete = false;
  // What is broken in the first bad state, and how to get there.
  std::string violation;
  std::vector<std::string> steps;
};

Exploration Explore(const Scenario& scenario);

}  // namespace jaco::raft

#endif  // JACO_RAFT_EXPLORER_H_
