// What servers say to each other. One struct a kind; `Message` is any of them.

#ifndef JACO_RAFT_MESSAGE_H_
#define JACO_RAFT_MESSAGE_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "jaco/raft/types.h"

namespace jaco::raft {

// §3.6, and §9.6 for the pre-vote. A pre-vote asks "would you vote for me in
// `term`?" and changes nobody's state.
struct RequestVoteRequest {
  Term term;     // the candidate's; for a pre-vote the one it would start
  EntryId last;  // the candidate's last log entry
  bool pre_vote = false;

  friend bool operator==(const RequestVoteRequest&,
                         const RequestVoteRequest&) = default;
};

struct RequestVoteResponse {
  // Granted: the term asked for. Refused: the voter's own term.
  Term term;
  bool pre_vote = false;
  bool granted = false;

  friend bool operator==(const RequestVoteResponse&,
                         const RequestVoteResponse&) = default;
};

// §3.5; without entries it is the heartbeat.
struct AppendEntriesRequest {
  Term term;
  EntryId previous;  // the entry right before `entries`
  LogIndex commit;   // the leader's commit index
  // Counts the leader's leadership confirmations (ReadIndex, §6.4); echoed.
  uint64_t round = 0;
  std::vector<EntryPtr> entries;
};

struct AppendEntriesResponse {
  Term term;
  bool success = false;
  // The round of the request that is answered.
  uint64_t round = 0;
  // success: the follower's log is durable and equal to the leader's up to
  // here. failure: the index of the request's `previous`, which did not match.
  LogIndex match;
  // failure: the follower's last entry at or before `match` that could match
  // (§3.5's optimisation): the leader goes on from the last of its own entries
  // that is not beyond `hint` in index or term.
  EntryId hint;

  friend bool operator==(const AppendEntriesResponse&,
                         const AppendEntriesResponse&) = default;
};

using Message = std::variant<RequestVoteRequest, RequestVoteResponse,
                             AppendEntriesRequest, AppendEntriesResponse>;

inline Term TermOf(const Message& message) {
  return std::visit([](const auto& m) { return m.term; }, message);
}

}  // namespace jaco::raft

#endif  // JACO_RAFT_MESSAGE_H_
