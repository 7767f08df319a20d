#include "jaco/sim/checkers/leader_completeness.h"

#include "absl/strings/str_cat.h"

namespace jaco::sim {

void LeaderCompleteness::Check(const NodeView& view,
                               const CommittedLog& committed,
                               Findings& findings) {
  if (view.at.role != raft::Role::kLeader) return;
  const raft::Term term = view.at.hard_state.term;
  if (seen_[view.node] == term) return;
  seen_[view.node] = term;
  // A candidate that learns late of having won an old term need not have what
  // newer terms committed. With Log Matching, the last of the older terms'
  // entries stands for all before it.
  raft::LogIndex index = committed.last();
  while (index.value() > 0 && committed.At(index).committed_in >= term) {
    index = index.Previous();
  }
  if (index.value() == 0) return;
  const raft::EntryId id = committed.At(index).entry->id;
  if (index <= view.log->start().index || view.log->Contains(id)) return;
  findings.Report(
      "leader_completeness",
      absl::StrCat("node ", view.node, " leads term ", term.value(),
                   " without entry ", id.term.value(), "/", index.value(),
                   ", committed in term ",
                   committed.At(index).committed_in.value(), " or before"));
}

}  // namespace jaco::sim
