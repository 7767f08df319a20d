// Log Matching (§3.5): if two logs contain an entry with the same index and
// term, then they are the same up to that entry.
//
// Every entry that appears in any log is compared with what was seen under the
// same id before: content, and term of the entry in front. By induction equal
// ids then mean equal prefixes.

#ifndef JACO_SIM_CHECKERS_LOG_MATCHING_H_
#define JACO_SIM_CHECKERS_LOG_MATCHING_H_

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "jaco/raft/types.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/node_view.h"

namespace jaco::sim {

// A fingerprint of an entry's kind and data.
uint64_t ContentHash(const raft::Entry& entry);

class LogMatching {
 public:
  // Looks only at what changed since the last view of the node.
  void Check(const NodeView& view, Findings& findings);

 private:
  struct Known {
    raft::Term term;
    raft::Term previous;
    uint64_t content;
  };

  void CheckEntry(const NodeView& view, const raft::Entry& entry,
                  Findings& findings);

  // By index; an index sees few terms.
  std::vector<absl::InlinedVector<Known, 1>> known_;
  // Each node's log as last seen. Pointers, so that an entry that was replaced
  // by another of the same id is looked at.
  PerNode<std::vector<raft::EntryPtr>> mirrors_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_LOG_MATCHING_H_
