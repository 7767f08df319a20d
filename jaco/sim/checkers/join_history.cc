#include "jaco/sim/checkers/join_history.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace jaco::sim {
namespace {

constexpr char kInvariant[] = "join_token";

}  // namespace

void JoinHistory::OnAsked(NodeNumber server, const std::string& token,
                          uint64_t id) {
  asked_.try_emplace(id, Asked{server, token});
}

void JoinHistory::OnSpent(NodeNumber server, const std::string& token,
                          Findings& findings) const {
  const auto by = admitted_by_.find(token);
  if (by == admitted_by_.end() || !present_.contains(by->second)) return;
  if (asked_.at(by->second).server != server) return;
  findings.Report(kInvariant, absl::StrCat("server ", server,
                                           " is told that its token is "
                                           "spent, by which it is node ",
                                           by->second));
}

void JoinHistory::OnWiped(NodeNumber server) {
  for (auto& [id, asked] : asked_) {
    if (asked.server == server) asked.server = 0;
  }
}

void JoinHistory::Check(const std::map<uint64_t, fsm::Node>& nodes,
                        Findings& findings) {
  // Mostly nothing has changed.
  if (nodes.size() == present_.size() &&
      std::equal(
          nodes.begin(), nodes.end(), present_.begin(),
          [](const auto& node, uint64_t id) { return node.first == id; })) {
    return;
  }
  std::set<uint64_t> present;
  for (const auto& [id, node] : nodes) {
    present.insert(id);
    if (present_.contains(id)) continue;
    if (known_.insert(id).second) {
      Admit(id, findings);
    } else {
      findings.Report(kInvariant, absl::StrCat("node ", id, ", \"", node.name(),
                                               "\", was removed and is back"));
    }
  }
  present_ = std::move(present);
}

void JoinHistory::Admit(uint64_t id, Findings& findings) {
  const auto asked = asked_.find(id);
  if (asked == asked_.end()) {
    if (known_.size() == 1) return;
    findings.Report(kInvariant,
                    absl::StrCat("node ", id, " is there and never joined"));
    return;
  }
  const auto [by, first] = admitted_by_.try_emplace(asked->second.token, id);
  if (first) return;
  findings.Report(kInvariant, absl::StrCat("one token admitted node ",
                                           by->second, " and node ", id));
}

void JoinHistory::CheckMembers(const raft::Configuration& configuration,
                               Findings& findings) const {
  // The founder's own entry need not be committed yet.
  if (known_.empty()) return;
  const auto check = [&](const std::vector<raft::NodeId>& members) {
    for (const raft::NodeId member : members) {
      if (known_.contains(member.value())) continue;
      findings.Report(kInvariant, absl::StrCat("no token admitted member ",
                                               member.value()));
    }
  };
  check(configuration.voters);
  check(configuration.outgoing);
  check(configuration.learners);
}

}  // namespace jaco::sim
