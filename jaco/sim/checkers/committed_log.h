// State Machine Safety (§3.6.3): what is committed at an index is the same on
// every server and for ever.

#ifndef JACO_SIM_CHECKERS_COMMITTED_LOG_H_
#define JACO_SIM_CHECKERS_COMMITTED_LOG_H_

#include <cstdint>
#include <vector>

#include "jaco/raft/types.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

class CommittedLog {
 public:
  struct Committed {
    raft::EntryPtr entry;
    uint64_t content;
    // The term of the server that was first seen with it committed: at least
    // that of the leader that committed it.
    raft::Term committed_in;
  };

  // Compares what the node has committed since its last view.
  void Check(const NodeView& view, Findings& findings);

  // Everything that any server ever committed.
  raft::LogIndex last() const { return raft::LogIndex(entries_.size()); }
  // `index` in [1, last()].
  const Committed& At(raft::LogIndex index) const {
    return entries_[index.value() - 1];
  }

 private:
  void CheckIndex(const NodeView& view, raft::LogIndex index,
                  Findings& findings);

  std::vector<Committed> entries_;
  PerNode<raft::LogIndex> checked_ = {};
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_COMMITTED_LOG_H_
