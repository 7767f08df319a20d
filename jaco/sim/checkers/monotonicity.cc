#include "jaco/sim/checkers/monotonicity.h"

#include "absl/strings/str_cat.h"

namespace jaco::sim {
namespace {

template <typename Int>
void Advance(const NodeView& view, absl::string_view what, Int now, Int* last,
             Findings& findings) {
  if (now < *last) {
    findings.Report("monotonicity",
                    absl::StrCat("node ", view.node, ": ", what, " fell from ",
                                 last->value(), " to ", now.value()));
  }
  *last = now;
}

}  // namespace

void Monotonicity::Check(const NodeView& view, Findings& findings) {
  Seen& seen = seen_[view.node];
  if (view.fresh) seen = {};
  Advance(view, "term", view.at.hard_state.term, &seen.term, findings);
  Advance(view, "commit", view.at.commit.index, &seen.commit, findings);
  Advance(view, "applied", view.at.applied, &seen.applied, findings);
  Advance(view, "the state machine's index", view.machine_applied,
          &seen.machine_applied, findings);
}

}  // namespace jaco::sim
