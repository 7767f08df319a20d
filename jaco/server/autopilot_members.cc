// Autopilot's part in members that come and go.
//
// A node that is to leave is taken out of the configuration, its vote and its
// membership in one change; then its row goes. Each step follows from what is
// replicated, so whoever leads next goes on. A leader that is to leave hands
// over; if nobody else votes, another takes its vote in the same change.

#include <algorithm>
#include <utility>

#include "jaco/server/autopilot.h"

namespace jaco::server {
namespace {

using Health = PolicyMember::Health;

bool Has(const std::vector<raft::NodeId>& ids, raft::NodeId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

void Autopilot::AddNonvoter(raft::NodeId id, std::string address,
                            absl::AnyInvocable<void(absl::Status)> done) {
  raft::Configuration target;
  if (IsLeader()) {
    target = node_->raft()->configuration();
    // While a change is under way the core refuses every target.
    target.outgoing.clear();
    auto& addresses = target.addresses;
    std::erase_if(addresses,
                  [id](const auto& known) { return known.first == id; });
    addresses.emplace_back(id, std::move(address));
    std::sort(addresses.begin(), addresses.end());
    if (!target.Contains(id)) {
      target.learners.push_back(id);
      std::sort(target.learners.begin(), target.learners.end());
    }
  }
  node_->ChangeConfiguration(std::move(target), std::move(done));
}

// The healthy voter with the longest log, the lowest id of several; first of
// those that were not tried.
const MemberHealth* Autopilot::Successor(bool untried_only) {
  const MemberHealth* best = nullptr;
  bool best_tried = true;
  for (const MemberHealth& member : Judge()) {
    if (!member.voter || !member.healthy) continue;
    if (member.id == node_->raft()->id() || IsLeaving(member.id)) continue;
    const bool tried = tried_.contains(member.id);
    if (tried && untried_only) continue;
    if (best == nullptr || (best_tried && !tried) ||
        (best_tried == tried && member.match > best->match)) {
      best = &member;
      best_tried = tried;
    }
  }
  return best;
}

// One that looks healthy need not be able to lead: it may have died this
// moment, have no room for its vote, or reach nobody but us. So each in turn;
// what is under way must not begin anew each time that somebody asks.
bool Autopilot::HandOver() {
  const Instant now = node_->env().clock->Now();
  if (now < handing_over_until_) return true;
  const MemberHealth* best = Successor(/*untried_only=*/false);
  if (best == nullptr || !node_->TransferLeadership(best->id).ok()) {
    return false;
  }
  if (!tried_.insert(best->id).second) tried_ = {best->id};  // round again
  handing_over_until_ = now + node_->options().raft.election_timeout * 2;
  return true;
}

bool Autopilot::IsLeaving(raft::NodeId id) const {
  const auto& nodes = node_->state().nodes();
  const auto it = nodes.find(id.value());
  return it != nodes.end() && it->second.leaving() != fsm::NODE_LEAVING_NO;
}

// With `id` among them if it cannot be spared.
std::vector<raft::NodeId> Autopilot::VotersWithout(raft::NodeId id) const {
  std::vector<PolicyMember> members = PolicyMembers();
  for (PolicyMember& member : members) member.leaving = member.id == id;
  return ChooseVoters(std::move(members), node_->raft()->id());
}

// ---- Nodes that are to leave.

// Whoever is no member and does not join is gone, for whatever reason: who made
// it so may have lost the lead before it got here, and peers.json removes
// nobody from the table.
bool Autopilot::Bury() {
  for (const auto& [id, node] : node_->state().nodes()) {
    if (node_->raft()->configuration().Contains(raft::NodeId(id))) continue;
    if (node.status() == fsm::NODE_STATUS_JOINING &&
        node.leaving() == fsm::NODE_LEAVING_NO) {
      continue;
    }
    fsm::Command command;
    command.mutable_node_remove()->set_id(id);
    return Decide(std::move(command));
  }
  return false;
}

// This server last: as long as it leads, it can see to the others.
bool Autopilot::Leave() {
  const auto& nodes = node_->state().nodes();
  // Who is to stay after all, or left in another way, begins anew.
  std::erase_if(leaving_since_,
                [this](const auto& since) { return !IsLeaving(since.first); });
  const raft::NodeId self = node_->raft()->id();
  const fsm::Node* own = nullptr;
  for (const auto& [id, node] : nodes) {
    if (node.leaving() == fsm::NODE_LEAVING_NO) continue;
    if (raft::NodeId(id) == self) {
      own = &node;
    } else if (Dismiss(node)) {
      return true;
    }
  }
  return own != nullptr && Dismiss(*own);
}

// The node is a member. Whether something is under way now.
bool Autopilot::Dismiss(const fsm::Node& node) {
  const raft::NodeId id(node.id());
  const Instant now = node_->env().clock->Now();
  const Instant since = leaving_since_.try_emplace(id, now).first->second;
  const bool give_up = node.leaving() != fsm::NODE_LEAVING_FORCED &&
                       now - since >= node_->options().autopilot.leave_patience;
  if (id == node_->raft()->id()) {
    if (Resign(give_up)) return true;
  } else if (const auto voters = VotersWithout(id); !Has(voters, id)) {
    Change(voters, {id});
    return true;
  }
  if (!give_up) return false;
  leaving_since_.erase(id);
  fsm::Command command;
  command.mutable_node_leave()->set_id(node.id());
  command.mutable_node_leave()->set_leaving(fsm::NODE_LEAVING_NO);
  return Decide(std::move(command));
}

// An intent that may be taken back is given up once every successor was tried.
bool Autopilot::Resign(bool give_up) {
  const bool try_on = !give_up ||
                      node_->env().clock->Now() < handing_over_until_ ||
                      Successor(/*untried_only=*/true) != nullptr;
  if (try_on && HandOver()) return true;
  // Nobody else votes: whoever is first takes over vote and lead at once. That
  // change tolerates no loss, and whom we took for healthy may have crashed
  // this moment: so only who has acknowledged that we are alone, and are to
  // leave.
  const raft::Raft& raft = *node_->raft();
  const raft::NodeId self = raft.id();
  if (raft.configuration().voters != std::vector{self}) return false;
  const raft::LogIndex told = std::max(
      raft.configuration_index(),
      raft::LogIndex(node_->state().nodes().at(self.value()).modify_index()));
  const MemberHealth* heir = nullptr;
  for (const MemberHealth& member : health_) {
    if (member.health != Health::kEligible || IsLeaving(member.id)) continue;
    if (member.match < told) continue;
    if (heir == nullptr || member.name < heir->name) heir = &member;
  }
  if (heir == nullptr) return false;
  Change({heir->id}, {self});
  return true;
}

}  // namespace jaco::server
