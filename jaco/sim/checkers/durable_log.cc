#include "jaco/sim/checkers/durable_log.h"

#include "absl/strings/str_cat.h"

namespace jaco::sim {

void DurableLog::CheckNode(const NodeView& view, Findings& findings) {
  std::vector<raft::Term>& terms = terms_[view.node];
  if (view.fresh) {
    CheckSurvived(view, findings);
    terms.clear();
  }
  const uint64_t durable = view.at.durable.value();
  if (terms.size() > durable) terms.resize(durable);
  while (terms.size() < durable) {
    // Compacted entries have no term any more; they are as durable as can be.
    const raft::LogIndex index(terms.size() + 1);
    terms.push_back(view.log->TermAt(index).value_or(raft::Term()));
  }
}

void DurableLog::CheckSurvived(const NodeView& view, Findings& findings) const {
  const std::vector<raft::Term>& terms = terms_[view.node];
  for (uint64_t i = view.log->start().index.value(); i < terms.size(); ++i) {
    const raft::EntryId id{terms[i], raft::LogIndex(i + 1)};
    if (view.log->Contains(id)) continue;
    findings.Report(
        "durability",
        absl::StrCat("node ", view.node, " held entry ", id.term.value(), "/",
                     id.index.value(),
                     " for durable; after its restart the log (to ",
                     view.log->last().term.value(), "/",
                     view.log->last().index.value(), ") does not have it"));
    return;
  }
}

void DurableLog::CheckQuorum(const NodeView& view, raft::LogIndex from,
                             Findings& findings) {
  for (raft::LogIndex i = from; i <= view.at.commit.index; ++i) {
    const raft::EntryId id{*view.log->TermAt(i), i};
    for (const auto* voters :
         {&view.configuration->voters, &view.configuration->outgoing}) {
      const size_t holders = CountHolders(*voters, id);
      if (voters->empty() || holders > voters->size() / 2) continue;
      findings.Report(
          "commit_quorum",
          absl::StrCat("node ", view.node, " committed entry ", id.term.value(),
                       "/", i.value(), ", which is durable on ", holders,
                       " of ", voters->size(), " voters"));
    }
  }
}

bool DurableLog::Holds(raft::NodeId node, const raft::EntryId& id) const {
  if (node.value() > static_cast<uint64_t>(kNodesMax)) return false;
  const std::vector<raft::Term>& terms = terms_[node.value()];
  return id.index.value() <= terms.size() &&
         terms[id.index.value() - 1] == id.term;
}

size_t DurableLog::CountHolders(const std::vector<raft::NodeId>& voters,
                                const raft::EntryId& id) const {
  size_t holders = 0;
  for (const raft::NodeId voter : voters) holders += Holds(voter, id) ? 1 : 0;
  return holders;
}

}  // namespace jaco::sim
