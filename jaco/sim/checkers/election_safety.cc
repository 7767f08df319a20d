#include "jaco/sim/checkers/election_safety.h"

#include "absl/strings/str_cat.h"

namespace jaco::sim {

void ElectionSafety::Check(const NodeView& view, Findings& findings) {
  if (view.at.role != raft::Role::kLeader) return;
  const raft::Term term = view.at.hard_state.term;
  if (seen_[view.node] == term) return;
  seen_[view.node] = term;
  const auto [it, first] = leader_of_.emplace(term, view.node);
  if (first || it->second == view.node) return;
  findings.Report("election_safety",
                  absl::StrCat("nodes ", it->second, " and ", view.node,
                               " both lead in term ", term.value()));
}

}  // namespace jaco::sim
