#include "jaco/server/autopilot.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "autopilot";
constexpr absl::string_view kSystem = "system";  // the identity of its commands

// So many ticks late: this server has slept.
constexpr int kGapTicks = 8;

using Health = PolicyMember::Health;

std::string Join(const std::vector<raft::NodeId>& ids) {
  std::string text;
  for (const raft::NodeId id : ids) {
    absl::StrAppend(&text, text.empty() ? "" : " ", id.value());
  }
  return text;
}

bool Has(const std::vector<raft::NodeId>& ids, raft::NodeId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

Autopilot::Autopilot(Node* node) : node_(node) {
  node_->Watch([this] { OnChange(); });
}

Autopilot::~Autopilot() { node_->env().loop->Cancel(timer_); }

bool Autopilot::IsLeader() const {
  const raft::Raft* raft = node_->raft();
  return node_->lifecycle() == Lifecycle::kMember && raft != nullptr &&
         raft->role() == raft::Role::kLeader;
}

const fsm::AutopilotConfig& Autopilot::config() const {
  const auto& replicated = node_->state().autopilot();
  return replicated.has_value() ? *replicated
                                : node_->options().autopilot.config;
}

Duration Autopilot::contact_threshold() const {
  return std::max(Nanoseconds(config().last_contact_threshold_ns()),
                  node_->options().raft.heartbeat_interval * 2);
}

Duration Autopilot::settle_time() const {
  return std::max(Nanoseconds(config().server_stabilization_time_ns()),
                  node_->options().autopilot.settle_min);
}

std::string Autopilot::NameOf(raft::NodeId id) const {
  const auto& nodes = node_->state().nodes();
  const auto it = nodes.find(id.value());
  return it == nodes.end() ? absl::StrCat(id.value()) : it->second.name();
}

// ---- When.

// The caller is in the midst of something.
void Autopilot::OnChange() {
  if (node_->options().autopilot.enabled) Arm(Duration());
}

void Autopilot::Arm(Duration delay) {
  env::EventLoop& loop = *node_->env().loop;
  loop.Cancel(timer_);
  timer_ = loop.After(delay, [this] {
    timer_ = 0;
    Tick();
  });
}

void Autopilot::Tick() {
  if (!IsLeader()) return;
  Judge();
  Act();
  // Alone there is nobody to look after.
  if (health_.size() > 1 || node_->state().nodes().size() > 1)
    Arm(node_->options().autopilot.tick);
}

// ---- How they are.

const std::vector<MemberHealth>& Autopilot::Judge() {
  health_.clear();
  if (!IsLeader()) return health_;
  const raft::Raft& raft = *node_->raft();
  const Instant now = node_->env().clock->Now();
  Watch(now);
  if (raft.configuration().Contains(raft.id())) {
    health_.push_back(JudgeSelf(now));
  }
  for (const raft::Progress& peer : *raft.progress()) {
    if (!peer.departing) health_.push_back(JudgePeer(peer, now));
  }
  std::erase_if(records_, [&](const auto& record) {
    return !raft.configuration().Contains(record.first);
  });
  std::sort(health_.begin(), health_.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return health_;
}

// With each leadership, and after a pause, what is known is void.
void Autopilot::Watch(Instant now) {
  const raft::Term term = node_->raft()->term();
  // A server that has joined another cluster since may lead in the same term.
  const bool anew = term != term_ || node_->raft()->id() != self_;
  const Duration gap = node_->options().autopilot.tick * kGapTicks;
  if (anew) {
    records_.clear();
    led_since_ = node_->raft()->last().index;
    undecided_ = {};
  }
  if (anew || now - judged_ > gap) {
    watching_since_ = now;
    leaving_since_.clear();
  }
  term_ = term;
  self_ = node_->raft()->id();
  judged_ = now;
}

MemberHealth Autopilot::JudgeSelf(Instant now) {
  const raft::Raft& raft = *node_->raft();
  Record& record = records_[raft.id()];
  if (!std::exchange(record.healthy, true)) record.stable_since = now;
  return {.id = raft.id(),
          .name = NameOf(raft.id()),
          .voter = raft.configuration().IsVoter(raft.id()),
          .healthy = true,
          .stable_since = record.stable_since,
          .match = raft.last().index,
          .health = Health::kEligible};
}

MemberHealth Autopilot::JudgePeer(const raft::Progress& peer, Instant now) {
  const raft::Raft& raft = *node_->raft();
  const Duration silent = now - peer.last_contact;
  const uint64_t lag = raft.last().index - peer.match;
  const bool caught_up = peer.state == raft::Progress::State::kReplicate &&
                         lag <= config().max_trailing_logs();
  const bool healthy = caught_up && silent <= contact_threshold();
  const auto [it, fresh] = records_.try_emplace(peer.id);
  Record& record = it->second;
  if (fresh || record.healthy != healthy) record = {healthy, now};

  MemberHealth result{.id = peer.id,
                      .name = NameOf(peer.id),
                      .voter = raft.configuration().IsVoter(peer.id),
                      .healthy = healthy,
                      .stable_since = record.stable_since,
                      .last_contact = silent,
                      .silence = std::min(silent, now - watching_since_),
                      .match = peer.match};
  const Duration election = node_->options().raft.election_timeout;
  if (healthy && now - record.stable_since >= settle_time()) {
    result.health = Health::kEligible;
  } else if (silent <= std::max(contact_threshold(), election)) {
    result.health = caught_up ? Health::kLive : Health::kLagging;
  } else {
    result.health =
        result.silence >= settle_time() ? Health::kDead : Health::kSilent;
  }
  return result;
}

// ---- What to do about it.

// One thing at a time; the next when that is through.
void Autopilot::Act() {
  const raft::Raft& raft = *node_->raft();
  if (MarkReady()) return;
  // What it decided itself, and what others did before this term, has to be in
  // the table: a removal may have been taken back, or be over.
  if (proposals_ > 0 || changing_ ||
      node_->state().applied() < std::max(led_since_, undecided_) ||
      raft.configuration().IsJoint() ||
      raft.configuration_index() > raft.commit()) {
    return;
  }
  if (!Bury() && !Leave() && !CleanUp() && !TakeIn()) Steer();
}

// The nodes that were admitted since, and those that have moved.
bool Autopilot::TakeIn() {
  for (const auto& [id, node] : node_->state().nodes()) {
    const raft::NodeId member(id);
    if (node.leaving() != fsm::NODE_LEAVING_NO) continue;
    const bool joins = node.status() == fsm::NODE_STATUS_JOINING &&
                       !node_->raft()->configuration().Contains(member);
    if (!joins && !HasMoved(node)) continue;
    changing_ = true;
    AddNonvoter(member, node.address(),
                [this](const absl::Status&) { changing_ = false; });
    return true;
  }
  return false;
}

// By what it said while this server leads: what is older may be older than the
// configuration, whose addresses peers.json may have brought.
bool Autopilot::HasMoved(const fsm::Node& node) const {
  if (node.announce_index() <= led_since_.value()) return false;
  const auto& addresses = node_->raft()->configuration().addresses;
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& at) {
    return at.first.value() == node.id() && at.second != node.address();
  });
}

// A node that joins is ready once it has caught up, and with what made it one
// on its disk: until then it may ask for that again, with the same token.
bool Autopilot::MarkReady() {
  if (proposals_ > 0) return false;
  for (const MemberHealth& member : health_) {
    const auto& nodes = node_->state().nodes();
    const auto node = nodes.find(member.id.value());
    if (!member.healthy || node == nodes.end()) continue;
    if (node->second.status() != fsm::NODE_STATUS_JOINING) continue;
    if (member.match.value() < node->second.create_index()) continue;
    fsm::Command command;
    command.mutable_node_status_set()->set_id(member.id.value());
    command.mutable_node_status_set()->set_status(fsm::NODE_STATUS_READY);
    return Decide(std::move(command));
  }
  return false;
}

// Nomad's rule: voters only while those that are left are a majority of those
// that were, and at least MinQuorum.
bool Autopilot::CleanUp() {
  if (!config().cleanup_dead_servers()) return false;
  std::vector<raft::NodeId> dead;
  size_t voters = 0;
  size_t dead_voters = 0;
  for (const MemberHealth& member : health_) {
    const bool gone =
        member.silence >= node_->options().autopilot.remove_dead_after;
    voters += member.voter ? 1 : 0;
    dead_voters += member.voter && gone ? 1 : 0;
    if (gone) dead.push_back(member.id);
  }
  if (dead.empty()) return false;
  if (dead_voters * 2 >= voters ||
      voters - dead_voters < config().min_quorum()) {
    std::erase_if(dead, [&](raft::NodeId id) {
      return node_->raft()->configuration().IsVoter(id);
    });
    if (dead.empty()) return false;
  }
  std::vector<PolicyMember> members = PolicyMembers();
  for (PolicyMember& member : members) member.leaving = Has(dead, member.id);
  const auto chosen = ChooseVoters(std::move(members), node_->raft()->id());
  std::erase_if(dead, [&](raft::NodeId id) { return Has(chosen, id); });
  if (dead.empty()) return false;
  Change(chosen, dead);
  return true;
}

void Autopilot::Steer() {
  const raft::Raft& raft = *node_->raft();
  const auto chosen = ChooseVoters(PolicyMembers(), raft.id());
  if (chosen != raft.configuration().voters) Change(chosen, {});
}

std::vector<PolicyMember> Autopilot::PolicyMembers() const {
  std::vector<PolicyMember> members;
  for (const MemberHealth& member : health_) {
    members.push_back({.id = member.id,
                       .name = member.name,
                       .voter = member.voter,
                       .health = member.health});
    // Who is to leave is not promoted meanwhile.
    if (IsLeaving(member.id) && members.back().health == Health::kEligible) {
      members.back().health = Health::kLive;
    }
  }
  return members;
}

raft::Configuration Autopilot::Target(
    const std::vector<raft::NodeId>& voters,
    const std::vector<raft::NodeId>& removed) const {
  raft::Configuration target;
  const raft::Configuration& present = node_->raft()->configuration();
  for (const raft::NodeId member : present.Members()) {
    if (Has(removed, member)) continue;
    (Has(voters, member) ? target.voters : target.learners).push_back(member);
  }
  for (const auto& address : present.addresses) {
    if (!Has(removed, address.first)) target.addresses.push_back(address);
  }
  return target;
}

void Autopilot::Change(const std::vector<raft::NodeId>& voters,
                       const std::vector<raft::NodeId>& removed) {
  changing_ = true;
  node_->ChangeConfiguration(
      Target(voters, removed),
      [this, voters, removed, burials = Burials(removed),
       term = node_->raft()->term()](const absl::Status& status) {
        changing_ = false;
        if (!status.ok()) return;  // the next tick tries again
        node_->env().logger->Write(
            LogLevel::kInfo, kSubsystem,
            absl::StrCat("the voters are now ", Join(voters),
                         removed.empty() ? "" : "; removed: ", Join(removed)));
        // Whoever leads since may have decided otherwise.
        if (!IsLeader() || node_->raft()->term() != term) return;
        for (const fsm::Command& burial : burials) Propose(burial);
      });
}

void Autopilot::Propose(fsm::Command command) {
  ++proposals_;
  node_->Propose({.identity = std::string(kSystem)}, std::move(command),
                 [this](const auto& result, raft::LogIndex) {
                   --proposals_;
                   // Its entry may be there, and wait for room on the disk.
                   if (result.ok() || !IsLeader()) return;
                   undecided_ = node_->raft()->last().index;
                 });
}

bool Autopilot::Decide(fsm::Command command) {
  if (proposals_ > 0) return false;
  Propose(std::move(command));
  return true;
}

// Should these not get through, whoever leads next buries them. Not who was
// still joining: that one is taken in once more.
std::vector<fsm::Command> Autopilot::Burials(
    const std::vector<raft::NodeId>& removed) const {
  std::vector<fsm::Command> burials;
  for (const raft::NodeId id : removed) {
    const auto node = node_->state().nodes().find(id.value());
    if (node == node_->state().nodes().end()) continue;
    burials.push_back(BurialOf(node->second));
  }
  return burials;
}

// Of the node as it is now: one proposal may come long after another.
fsm::Command Autopilot::BurialOf(const fsm::Node& node) {
  fsm::Command command;
  command.mutable_node_remove()->set_id(node.id());
  command.mutable_node_remove()->set_modify_index(node.modify_index());
  return command;
}

}  // namespace jaco::server
