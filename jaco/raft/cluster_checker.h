// For tests: what must hold between servers, dissertation figure 3.2.

#ifndef JACO_RAFT_CLUSTER_CHECKER_H_
#define JACO_RAFT_CLUSTER_CHECKER_H_

#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

class ClusterChecker {
 public:
  // After each event on `server`: `committed` is what it was just given to
  // apply, `others` are the servers that are up.
  absl::Status Check(const Raft& server, const std::vector<EntryPtr>& committed,
                     const std::vector<const Raft*>& others);
  // `server` crashed: it applies from the start again.
  void OnCrash(NodeId server) { applied_.erase(server); }

  // What was committed so far, from index 1 on.
  const std::vector<EntryPtr>& committed() const { return committed_; }

 private:
  absl::Status CheckElection(const Raft& server);
  absl::Status CheckVote(const Raft& server);
  absl::Status CheckCommitted(const Raft& server,
                              const std::vector<EntryPtr>& committed);
  absl::Status CheckCompleteness(const Raft& server) const;

  std::map<Term, NodeId> leaders_;
  std::map<std::pair<NodeId, Term>, NodeId> votes_;
  std::vector<EntryPtr> committed_;
  // The lowest term in which a server was seen to know the entry committed.
  std::vector<Term> known_in_;
  std::map<NodeId, LogIndex> applied_;
};

// Two logs that hold the same id at some index are the same up to there.
absl::Status CheckLogMatching(const Raft& a, const Raft& b);

}  // namespace jaco::raft

#endif  // JACO_RAFT_CLUSTER_CHECKER_H_
