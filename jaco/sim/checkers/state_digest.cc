#include "jaco/sim/checkers/state_digest.h"

#include "absl/strings/str_cat.h"

namespace jaco::sim {

void StateDigest::Apply(const raft::Entry& entry, Findings& findings) {
  if (entry.kind == raft::EntryKind::kCommand) {
    const auto result = machine_.Apply(entry.id.index, entry.data);
    if (!result.ok()) {
      findings.Report(
          "state_digest",
          absl::StrCat("entry ", entry.id.index.value(),
                       " cannot be applied: ", result.status().message()));
    }
    machine_.TakeRowEdits();
  } else {
    machine_.AdvanceTo(entry.id.index);
  }
  digests_.push_back(machine_.digest());
}

void StateDigest::Check(const NodeView& view, Findings& findings) const {
  const uint64_t index = view.machine_applied.value();
  if (index >= digests_.size()) {
    findings.Report("state_digest",
                    absl::StrCat("node ", view.node, " has applied up to ",
                                 index, ", but nothing beyond ",
                                 digests_.size() - 1, " is committed"));
  } else if (view.digest != digests_[index]) {
    findings.Report("state_digest",
                    absl::StrCat("node ", view.node, " is at index ", index,
                                 " in another state than it should be"));
  }
}

}  // namespace jaco::sim
