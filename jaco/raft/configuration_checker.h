// The rules of changing members, as the logs tell them (§4.1, §4.3).

#ifndef JACO_RAFT_CONFIGURATION_CHECKER_H_
#define JACO_RAFT_CONFIGURATION_CHECKER_H_

#include <map>

#include "absl/status/status.h"
#include "jaco/raft/invariants.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// Whether `next` may follow `previous` in a log: between different voters there
// is a joint configuration of both, so any two quorums of the two overlap.
absl::Status CheckSuccession(const Configuration& previous,
                             const Configuration& next);

class ConfigurationChecker {
 public:
  // After each event on `server`: configurations follow each other by the
  // rules, from the one on that the log begins with, and a leader has at most
  // one change of its own under way.
  absl::Status Check(const Observation& server);

  // How many were seen in logs, joint ones included.
  size_t changes() const { return changes_; }

 private:
  struct Seen {
    LogIndex start;  // of the log
    EntryId latest;  // configuration in it

    friend bool operator==(const Seen&, const Seen&) = default;
  };

  std::map<NodeId, Seen> seen_;
  size_t changes_ = 0;
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_CONFIGURATION_CHECKER_H_
