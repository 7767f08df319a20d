#include "jaco/sim/departures.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"

namespace jaco::sim {

void Departures::Ask(NodeNumber asked, Prng prng) {
  const server::Server& server = *world_.node(asked).server();
  const auto number =
      static_cast<NodeNumber>(prng.Between(1, world_.servers()));
  const bool force = prng.Chance(1, 4);
  if (!IsInTable(server.state(), number)) {
    // Where servers join by tokens, others see to that.
    if (!world_.options().walk) Add(asked, number);
  } else if (prng.Chance(1, 2)) {
    Remove(asked, number, force);
  }
}

bool Departures::IsInTable(const fsm::ClusterState& state, NodeNumber number) {
  const std::string name = MemberOf(number).name;
  const auto& nodes = state.nodes();
  return std::any_of(nodes.begin(), nodes.end(), [&name](const auto& node) {
    return node.second.name() == name;
  });
}

bool Departures::SomebodyLeaves(const fsm::ClusterState& state) {
  return std::any_of(state.nodes().begin(), state.nodes().end(),
                     [](const auto& node) {
                       return node.second.leaving() != fsm::NODE_LEAVING_NO;
                     });
}

void Departures::Add(NodeNumber asked, NodeNumber number) {
  const server::FoundingMember member = MemberOf(number);
  OnAddCall(number);
  world_.node(asked).server()->AddNode(
      member.id, member.name, member.address,
      [this, number](const absl::Status& status) { OnAdded(number, status); });
}

void Departures::OnAddCall(NodeNumber number) {
  Known& known = known_[number];
  ++known.adds;
  ++known.open_adds;
  known.gone = false;
}

void Departures::OnAdded(NodeNumber number, const absl::Status& status) {
  const bool unknown = !status.ok() && (CodeOf(status) == ErrorCode::kTimeout ||
                                        CodeOf(status) == ErrorCode::kDiskFull);
  if (!unknown) --known_[number].open_adds;
}

void Departures::Remove(NodeNumber asked, NodeNumber number, bool force,
                        Done done) {
  world_.node(asked).server()->RemoveNode(
      {}, {.node_name = MemberOf(number).name, .force = force},
      [this, number, adds = known_[number].adds, done = std::move(done)](
          const absl::StatusOr<server::RemoveNodeResponse>& response) mutable {
        done(response.status());
        if (!response.ok()) return;
        ++acknowledged_;
        Known& known = known_[number];
        known.gone = known.adds == adds && known.open_adds == 0;
      });
}

void Departures::CheckFinal(server::Server& leader, Findings& findings) const {
  PerNode<bool> is_member = {};
  for (const raft::NodeId id : leader.raft()->configuration().Members()) {
    is_member[world_.NumberOf(id)] = true;
  }
  for (NodeNumber i = 1; i <= world_.servers(); ++i) {
    if (!known_[i].gone) continue;
    if (!is_member[i] && !IsInTable(leader.state(), i)) continue;
    findings.Report("removal",
                    absl::StrCat("node ", i, " was removed, and is there"));
  }
}

}  // namespace jaco::sim
