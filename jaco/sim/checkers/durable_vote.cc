#include "jaco/sim/checkers/durable_vote.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace jaco::sim {
namespace {

std::string Text(const raft::HardState& state) {
  return absl::StrCat("term ", state.term.value(), " vote ",
                      state.voted_for.value());
}

bool MayFollow(const raft::HardState& before, const raft::HardState& after) {
  if (after.term != before.term) return after.term > before.term;
  return before.voted_for == raft::kNoNode ||
         before.voted_for == after.voted_for;
}

}  // namespace

void DurableVote::Check(const NodeView& view, Findings& findings) {
  raft::HardState& last = last_[view.node];
  if (view.anew) last = {};
  const raft::HardState& now = view.at.durable_hard_state;
  if (now == last) return;
  if (!MayFollow(last, now)) {
    findings.Report("durable_vote",
                    absl::StrCat("node ", view.node, ": ", Text(last),
                                 " was durable, now it is ", Text(now)));
  }
  last = now;
}

}  // namespace jaco::sim
