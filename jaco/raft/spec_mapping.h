// For tests: what the specification sees of the core's objects.
//
// - A server's memory is its term, its vote and its log; the disk is what a
//   crash would leave; each write under way is the disk as it will be then.
//   After every Ready the last write is the memory: the specification writes
//   nothing else.
// - A log that was compacted is the whole log: `Histories` remembers what went.
// - A pre-candidate is a follower. A follower's match index is `agreed`, what a
//   leader knows of others is `match`; of a server that it does not know, 0.
// - Refusals, of votes, pre-votes and appends, are their term and no more.
//   Hints are left out: no answer can depend on them.
// - Messages of nothing that the specification has are none: pre-votes,
//   TimeoutNow, reads. So are timers, leases, sessions, rounds, addresses,
//   priorities and repair. What comes of them, an election above all, has to be
//   a step that it allows by itself.
// - Learners, and what is handed to the state machine, are left out, too.

#ifndef JACO_RAFT_SPEC_MAPPING_H_
#define JACO_RAFT_SPEC_MAPPING_H_

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "jaco/raft/raft.h"
#include "jaco/raft/spec.h"
#include "jaco/raft/test_server.h"

namespace jaco::raft {

// What one server's log and disk began with before that was compacted, by the
// entry that it ended with: by Log Matching there is no other such log.
class Histories {
 public:
  // The log that ends with `last`; unknown: one that equals no other.
  spec::Log At(const EntryId& last) const;
  // What is in the log behind its start comes after what was before.
  spec::Log Whole(const EntryId& start,
                  const std::vector<EntryPtr>& behind) const;
  // Before `log` is compacted up to `index`.
  void Remember(const Log& log, LogIndex index);
  // A snapshot arrives that stands for `log`.
  void Remember(const EntryId& last, spec::Log log);

 private:
  std::map<std::pair<uint64_t, uint64_t>, spec::Log> logs_;
};

spec::Members ToSpec(const Configuration& configuration);

// `founding`: what the server held to be the configuration in the beginning.
spec::Server ToSpec(const Raft& raft, const ModelDisk& disk,
                    const std::deque<Persist>& writes,
                    const spec::Members& founding, const Histories& histories);

// Nothing for messages that the specification does not have.
std::optional<spec::Message> ToSpec(NodeId from, NodeId to,
                                    const Message& message);

// Empty, or what the mapping itself cannot express: a configuration in force
// that is not the one of the log.
std::string WhyNotMapped(const Raft& raft, const spec::Server& server);

}  // namespace jaco::raft

#endif  // JACO_RAFT_SPEC_MAPPING_H_
