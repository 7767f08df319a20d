// What servers say to each other. One struct a kind; `Message` is any of them.

#ifndef JACO_RAFT_MESSAGE_H_
#define JACO_RAFT_MESSAGE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "jaco/base/time.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// §3.6, and §9.6 for the pre-vote. A pre-vote asks "would you vote for me in
// `term`?" and changes nobody's state.
struct RequestVoteRequest {
  Term term;     // the candidate's; for a pre-vote the one it would start
  EntryId last;  // the candidate's last log entry
  bool pre_vote = false;
  // Not 0: the leader of the term before told it to, with its hand-over of this
  // number (TimeoutNow, §3.10); stickiness does not apply.
  uint64_t transfer = 0;
  // Where the candidate is answered: the voter's configuration may not have it.
  std::string address;

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
  // Since which configuration entry the receiver is a member; echoed. An answer
  // from before it was removed and added again says nothing about now.
  LogIndex session;
  std::vector<EntryPtr> entries;
  // Where the leader is answered, as long as the receiver's configuration may
  // not have it.
  std::string address;
  // How many hand-overs the leader has given up in this term: candidates that
  // come with one of these come too late.
  uint64_t transfers_over = 0;

  // Entries are the same if they are the same objects.
  friend bool operator==(const AppendEntriesRequest&,
                         const AppendEntriesRequest&) = default;
};

struct AppendEntriesResponse {
  Term term;
  bool success = false;
  // Those of the request that is answered.
  uint64_t round = 0;
  LogIndex session;
  // success: the follower's log is durable and equal to the leader's up to
  // here. failure: the index of the request's `previous`, which did not match.
  LogIndex match;
  // failure: the follower's last entry at or before `match` that could match
  // (§3.5's optimisation): the leader goes on from the last of its own entries
  // that is not beyond `hint` in index or term.
  EntryId hint;
  // For how long after it got the request the follower, even if it restarts,
  // votes for nobody else, unless the leader says so (§6.4.1). 0: no promise.
  Duration promise;
  uint8_t priority = kPriorityMax;

  friend bool operator==(const AppendEntriesResponse&,
                         const AppendEntriesResponse&) = default;
};

// The leader to the one that shall take over, which has the whole log: start an
// election at once (§3.10).
struct TimeoutNow {
  Term term;
  // Counts the leader's hand-overs, from 1 on; said again with the same number.
  uint64_t transfer = 1;

  friend bool operator==(const TimeoutNow&, const TimeoutNow&) = default;
};

// A follower asks its leader for the index that a linearizable read must wait
// for (§6.4).
struct ReadIndexRequest {
  Term term;
  ReadId id;  // the follower's own

  friend bool operator==(const ReadIndexRequest&,
                         const ReadIndexRequest&) = default;
};

struct ReadIndexResponse {
  Term term;
  ReadId id;
  bool success = false;  // false: not the leader, or no longer
  LogIndex index;
  bool rate_limited = false;  // no success: the leader, but too many reads wait

  friend bool operator==(const ReadIndexResponse&,
                         const ReadIndexResponse&) = default;
};

using Message = std::variant<RequestVoteRequest, RequestVoteResponse,
                             AppendEntriesRequest, AppendEntriesResponse,
                             TimeoutNow, ReadIndexRequest, ReadIndexResponse>;

inline Term TermOf(const Message& message) {
  return std::visit([](const auto& m) { return m.term; }, message);
}

}  // namespace jaco::raft

#endif  // JACO_RAFT_MESSAGE_H_
