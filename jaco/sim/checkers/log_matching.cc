#include "jaco/sim/checkers/log_matching.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "jaco/base/prng.h"

namespace jaco::sim {

uint64_t ContentHash(const raft::Entry& entry) {
  const std::string& data = entry.data;
  uint64_t hash = Mix64(data.size() << 8 | static_cast<uint64_t>(entry.kind));
  size_t i = 0;
  for (; i + 8 <= data.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, data.data() + i, sizeof(word));
    hash = Mix64(hash ^ word);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, data.data() + i, data.size() - i);
  return Mix64(hash ^ rest);
}

void LogMatching::Check(const NodeView& view, Findings& findings) {
  std::vector<raft::EntryPtr>& mirror = mirrors_[view.node];
  const uint64_t start = view.log->start().index.value();
  const uint64_t last = view.log->last().index.value();
  mirror.resize(last);
  // A log changes at its end: whatever stands before an entry that is still the
  // same object has not been touched.
  for (uint64_t i = last; i > start; --i) {
    const raft::EntryPtr& entry = view.log->At(raft::LogIndex(i));
    if (mirror[i - 1] == entry) break;
    mirror[i - 1] = entry;
    CheckEntry(view, *entry, findings);
  }
}

void LogMatching::CheckEntry(const NodeView& view, const raft::Entry& entry,
                             Findings& findings) {
  const uint64_t index = entry.id.index.value();
  if (known_.size() <= index) known_.resize(index + 1);
  const Known found{entry.id.term, *view.log->TermAt(entry.id.index.Previous()),
                    ContentHash(entry)};
  for (const Known& known : known_[index]) {
    if (known.term != found.term) continue;
    if (known.previous != found.previous || known.content != found.content) {
      findings.Report(
          "log_matching",
          absl::StrCat("node ", view.node, ": entry ", found.term.value(), "/",
                       index, " after one of term ", found.previous.value(),
                       " is not the entry of that id seen before, after term ",
                       known.previous.value()));
    }
    return;
  }
  known_[index].push_back(found);
}

}  // namespace jaco::sim
