#include "jaco/sim/checkers/committed_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "jaco/sim/checkers/log_matching.h"

namespace jaco::sim {

void CommittedLog::Check(const NodeView& view, Findings& findings) {
  raft::LogIndex& checked = checked_[view.node];
  // After a restart the node commits again, perhaps something else.
  if (view.fresh) checked = raft::LogIndex();
  // What is compacted away was looked at before, here or at another node; the
  // state that stands for it is for StateDigest to judge.
  checked = std::max(checked, view.log->start().index);
  for (raft::LogIndex i = checked.Next(); i <= view.at.commit.index; ++i) {
    CheckIndex(view, i, findings);
  }
  checked = std::max(checked, view.at.commit.index);
}

void CommittedLog::CheckIndex(const NodeView& view, raft::LogIndex index,
                              Findings& findings) {
  const raft::EntryPtr& entry = view.log->At(index);
  if (index > last()) {
    entries_.push_back({entry, ContentHash(*entry), view.at.hard_state.term});
    return;
  }
  const Committed& known = At(index);
  if (known.entry == entry) return;
  if (known.entry->id == entry->id && known.content == ContentHash(*entry)) {
    return;
  }
  findings.Report("committed_immutable",
                  absl::StrCat("node ", view.node, " committed entry ",
                               entry->id.term.value(), "/", index.value(),
                               ", but ", known.entry->id.term.value(), "/",
                               index.value(), " was committed before"));
}

}  // namespace jaco::sim
