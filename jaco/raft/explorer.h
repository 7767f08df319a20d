// For tests: visits every state that a small cluster can get into, breadth
// first. Each step of a server has to be one that the specification allows
// (spec.h, spec_mapping.h, spec_search.h), and each state is looked at.
// Messages are a set without order: each may be delivered, lost, or delivered
// and kept for once more.
//
// Time has no length here: any follower's patience may end at any moment, and a
// leader's quorum may be gone at any moment. So none of the safety properties
// can rest on timing.
//
// States that differ only in how servers are called count as one, and what one
// server does in one state is computed once: most of the work is numbers.

#ifndef JACO_RAFT_EXPLORER_H_
#define JACO_RAFT_EXPLORER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "jaco/raft/types.h"

namespace jaco::raft {

// By what states and steps are judged.
enum class Judge { kAll, kSpecification, kInvariants };

inline constexpr int kNoEnd = 1000;

// What bounds the states.
struct Scenario {
  Configuration founding;
  size_t servers = 0;  // those that are no members at first have the last ids
  Term term_max{2};    // nobody loses patience in it
  // In flight from one server to another; what would be more is lost.
  size_t link_messages_max = 1;
  int proposals = 0;
  int crashes = 0;  // each with a restart
  int losses = 0;   // beyond those by the bound
  int duplicates = 0;
  int compactions = 0;  // of one server's log, up to what it has applied
  int transfers = 0;    // of leadership, asked for by the leader's user
  // How often, together, servers lose patience, leaders that hear from no
  // quorum give up, and leaders send heartbeats.
  int elections = kNoEnd;
  int give_ups = kNoEnd;
  int heartbeats = kNoEnd;
  // Writes are durable at once; otherwise whenever they please.
  bool instant_disk = false;
  // Begins with server 1 as the leader of term 1, its first entry committed.
  bool led = false;
  // Leaders may be asked for this so often; no voters: they are not.
  Configuration target;
  int changes = 1;
  // A planted bug: writes are reported durable and lost in a crash.
  bool lying_disk = false;
  Judge judge = Judge::kAll;
  // Where to stop.
  size_t states_max = 0;
};

struct Exploration {
  size_t states = 0;        // distinct ones
  size_t server_steps = 0;  // distinct ones of single servers
  size_t depth = 0;         // all states that so many steps reach were visited
  bool complete = false;
  // What there was, in states of single servers: leaders, by the highest term;
  // joint consensus; what came by a snapshot.
  Term led;
  bool joint = false;
  bool installed = false;
  // What is broken in the first bad state, and how to get there.
  std::string violation;
  std::vector<std::string> steps;
};

Exploration Explore(const Scenario& scenario);

}  // namespace jaco::raft

#endif  // JACO_RAFT_EXPLORER_H_
