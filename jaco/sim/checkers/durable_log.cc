#include "jaco/sim/checkers/durable_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jaco::sim {
namespace {

bool Has(const std::vector<raft::Term>& terms, const raft::EntryId& id) {
  return id.index.value() <= terms.size() &&
         terms[id.index.value() - 1] == id.term;
}

}  // namespace

void DurableLog::CheckNode(const NodeView& view, Findings& findings) {
  std::vector<raft::Term>& terms = terms_[view.node];
  if (view.anew) {
    terms.clear();
    promised_[view.node].clear();
    std::erase_if(numbers_, [&](const auto& number) {
      return number.second == view.node;
    });
  }
  if (view.fresh) numbers_[view.at.id] = view.node;
  CheckRepair(view, findings);
  if (view.fresh) {
    if (view.damaged && view.at.repairing) {
      promised_[view.node].push_back(std::exchange(terms, {}));
    } else {
      CheckSurvived(view, findings);
      terms.clear();
    }
  }
  if (!view.at.repairing) promised_[view.node].clear();
  const uint64_t durable = view.at.durable.value();
  if (terms.size() > durable) terms.resize(durable);
  while (terms.size() < durable) {
    // Compacted entries have no term any more; they are as durable as can be.
    const raft::LogIndex index(terms.size() + 1);
    terms.push_back(view.log->TermAt(index).value_or(raft::Term()));
  }
}

void DurableLog::CheckRepair(const NodeView& view, Findings& findings) {
  bool& before = repairing_[view.node];
  if (view.at.repairing && !before && !view.damaged) {
    findings.Report("repair", absl::StrCat("node ", view.node,
                                           " is in repair, but nothing was "
                                           "damaged"));
  }
  before = view.at.repairing;
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
  const auto number = numbers_.find(node);
  if (number == numbers_.end()) return false;
  const auto& promised = promised_[number->second];
  return Has(terms_[number->second], id) ||
         std::any_of(promised.begin(), promised.end(),
                     [&](const auto& terms) { return Has(terms, id); });
}

size_t DurableLog::CountHolders(const std::vector<raft::NodeId>& voters,
                                const raft::EntryId& id) const {
  size_t holders = 0;
  for (const raft::NodeId voter : voters) holders += Holds(voter, id) ? 1 : 0;
  return holders;
}

}  // namespace jaco::sim
