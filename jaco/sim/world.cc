#include "jaco/sim/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/stream.h"

namespace jaco::sim {
namespace {

// Until a server that stopped by itself is started again.
constexpr Duration kRestartDelay = Milliseconds(100);
// Until a server that asks to be admitted does not wait any more.
constexpr Duration kJoinPatience = Seconds(2);

server::Founding MakeFounding(int servers) {
  server::Founding founding;
  founding.cluster_id = "00000000-0000-4000-8000-000000000001";
  founding.cluster_name = "simulated";
  founding.token_hash = std::string(64, 'a');
  founding.time_unix_ms = absl::ToUnixMillis(SimClock::WallOrigin());
  for (int i = 1; i <= servers; ++i) {
    founding.members.push_back(MemberOf(static_cast<NodeNumber>(i)));
  }
  return founding;
}

bool Same(const raft::Observation& a, const raft::Observation& b) {
  return a.hard_state == b.hard_state &&
         a.durable_hard_state == b.durable_hard_state && a.role == b.role &&
         a.leader == b.leader && a.repairing == b.repairing &&
         a.commit == b.commit && a.applied == b.applied &&
         a.durable == b.durable && a.last == b.last;
}

}  // namespace

World::World(uint64_t seed, const SwarmOptions& options, Trace& trace)
    : seed_(seed),
      options_(options),
      trace_(trace),
      fabric_(queue_, trace, seed, options.link),
      join_peer_(queue_, *this, MakeStream(seed, Stream::kJoin), kJoinPatience),
      context_{queue_,
               trace_,
               fabric_,
               findings_,
               options_,
               seed,
               MakeFounding(options.servers),
               [this](NodeNumber node) { return IdOf(node); },
               options.walk ? &join_peer_ : nullptr},
      checkers_(options.voter_policy) {
  const int servers = options.servers + options.spares;
  JACO_CHECK(options.servers >= 1 && servers <= kNodesMax);
  for (int i = 1; i <= servers; ++i) {
    nodes_.push_back(
        std::make_unique<SimNode>(context_, static_cast<NodeNumber>(i)));
    nodes_.back()->Start();
  }
}

World::~World() = default;

bool World::Step() {
  Event event;
  if (!queue_.Pop(&event)) return false;
  trace_.Begin(queue_.now(), event.label);
  event.task();
  // Gone before its node may go down.
  event.task = nullptr;
  if (event.label.node != kWorld) AfterEvent(node(event.label.node));
  return true;
}

void World::AfterEvent(SimNode& node) {
  if (!node.up()) return;
  if (node.doomed()) {
    Duration& down_for = down_for_[node.number()];
    const bool power = node.power_failed();
    if (!power && node.hit_unreadable()) return OnUnreadable(node);
    StopNode(node, power ? StopKind::kPowerLoss : StopKind::kKill);
    RestartAfter(node.number(), power ? down_for : kRestartDelay);
    return;
  }
  Observe(node);
}

// The operator sees why it stopped.
void World::OnUnreadable(SimNode& node) {
  const Rescue& rescue = rescues_[node.number()];
  StopNode(node, StopKind::kKill);
  // Unless it was written again, or healed, since.
  const bool still = node.HasUnreadable();
  if (still) damage_unseen_[node.number()] = true;
  node.ReplaceUnreadable(rescue.remove);
  RestartAfter(node.number(), still ? rescue.down_for : kRestartDelay);
}

void World::Observe(SimNode& node) {
  const raft::Raft* raft = node.server()->raft();
  if (raft == nullptr) return;
  const bool anew = options_.walk && Recognize(node, raft->id());
  std::optional<raft::Observation>& seen = node.last_seen();
  if (anew) seen.reset();
  const raft::Observation now = raft::Observe(*raft);
  const absl::Status invariants =
      raft::CheckInvariants(seen.has_value() ? *seen : now, now);
  if (!invariants.ok()) {
    findings_.Report("core_invariants", std::string(invariants.message()));
  }
  if (options_.lease_reads && now.role == raft::Role::kLeader) {
    CheckLeases(node.number(), now.hard_state.term);
  }
  if (seen.has_value() && Same(*seen, now)) return;
  if (seen.has_value() && now.installed > seen->installed) ++installs_;
  const fsm::ClusterState& state = node.server()->state();
  const NodeNumber number = node.number();
  if (seen.has_value() && seen->repairing && !now.repairing) ++repairs_;
  if (damaged_[number] && !now.repairing && !node.HasUnreadable()) {
    damaged_[number] = false;
  }
  checkers_.Check({.node = number,
                   .fresh = !seen.has_value(),
                   .damaged = std::exchange(damage_unseen_[number], false),
                   .anew = anew,
                   .at = now,
                   .log = &raft->log(),
                   .configuration = &raft->configuration(),
                   .machine_applied = state.applied(),
                   .digest = state.digest()},
                  findings_);
  if (options_.walk) CheckJoins(node);
  seen = now;
  trace_.State(node.number(), now.role, now.hard_state.term.value(),
               now.last.index.value(), now.commit.index.value(),
               now.applied.value());
}

void World::CheckJoins(SimNode& node) {
  joins_.Check(checkers_.state().machine().nodes(), findings_);
  const raft::Raft& raft = *node.server()->raft();
  raft::LogIndex& seen = members_of_[node.number()];
  if (seen == raft.configuration_index()) return;
  seen = raft.configuration_index();
  joins_.CheckMembers(raft.configuration(), findings_);
}

// Whether the node has joined again. Nothing that its former self sent may be
// taken for its own.
bool World::Recognize(SimNode& node, raft::NodeId id) {
  if (node.id() == id) return false;
  const bool anew = node.id() != raft::kNoNode;
  node.SetId(id);
  numbers_[id] = node.number();
  if (anew) fabric_.Replace(node.number());
  return anew;
}

raft::NodeId World::IdOf(NodeNumber number) {
  if (number == kWorld || number > servers()) return raft::kNoNode;
  if (!options_.walk) return raft::NodeId(number);
  return node(number).wiped() ? raft::kNoNode : node(number).id();
}

NodeNumber World::NumberOf(raft::NodeId id) const {
  if (!options_.walk) return static_cast<NodeNumber>(id.value());
  const auto number = numbers_.find(id);
  return number == numbers_.end() ? kWorld : number->second;
}

server::Server* World::ServerOf(NodeNumber number) {
  if (number == kWorld || number > servers()) return nullptr;
  return node(number).server();
}

uint64_t World::IncarnationOf(NodeNumber number) {
  return node(number).starts();
}

bool World::Reaches(NodeNumber from, NodeNumber to) {
  return from == to || fabric_.IsOpen(from, to);
}

void World::OnAsked(NodeNumber from, const std::string& join_token,
                    uint64_t node_id) {
  numbers_[raft::NodeId(node_id)] = from;
  joins_.OnAsked(from, join_token, node_id);
}

// While one node holds a lease, be it paused, none leads in a later term.
void World::CheckLeases(NodeNumber leader, raft::Term term) {
  const NodeNumber seen = Leader();
  if (seen != kWorld && node(seen).last_seen()->hard_state.term > term) {
    leader = seen;
    term = node(seen).last_seen()->hard_state.term;
  }
  for (const auto& other : nodes_) {
    if (!other->HoldsLease()) continue;
    ++leases_;
    if (other->server()->raft()->term() >= term) continue;
    findings_.Report("lease", absl::StrCat("node ", other->number(),
                                           " holds a lease while node ", leader,
                                           " leads in a later term"));
  }
}

NodeNumber World::Leader() {
  NodeNumber leader = kWorld;
  raft::Term highest;
  for (const auto& node : nodes_) {
    const auto& seen = node->last_seen();
    if (!node->up() || !seen.has_value()) continue;
    if (seen->role != raft::Role::kLeader) continue;
    if (seen->hard_state.term <= highest) continue;
    leader = node->number();
    highest = seen->hard_state.term;
  }
  return leader;
}

void World::Crash(NodeNumber number, StopKind kind, Duration down_for) {
  if (!node(number).up()) return;
  StopNode(node(number), kind);
  RestartAfter(number, down_for);
}

void World::CrashInJob(NodeNumber number, uint64_t operations,
                       Duration down_for) {
  if (!node(number).up()) return;
  down_for_[number] = down_for;
  node(number).FailPowerAt(operations);
}

bool World::MayDamage(NodeNumber number) const {
  const std::set<NodeNumber> damaged = Damaged();
  if (damaged.contains(number)) return false;
  // How many servers a walk can spare depends on where it is: see Nemesis.
  return options_.walk ||
         2 * static_cast<int>(damaged.size() + 1) < options_.servers;
}

std::set<NodeNumber> World::Damaged() const {
  std::set<NodeNumber> damaged;
  for (NodeNumber i = 1; i <= servers(); ++i) {
    if (damaged_[i]) damaged.insert(i);
  }
  return damaged;
}

void World::Damage(NodeNumber number, DamageKind kind, Duration down_for,
                   Prng prng) {
  if (!node(number).up() || !MayDamage(number)) return;
  // What gets damaged is on the medium: sync marks that are only in the page
  // cache must not make it look tellable from a torn tail.
  StopNode(node(number), StopKind::kPowerLoss);
  if (node(number).Damage(kind, prng)) {
    ++damages_;
    damaged_[number] = true;
    damage_unseen_[number] = true;
  }
  RestartAfter(number, down_for);
}

void World::LoseSectors(NodeNumber number, bool now, Duration down_for,
                        Prng prng) {
  if (!node(number).up() || !MayDamage(number)) return;
  if (now) StopNode(node(number), StopKind::kPowerLoss);
  rescues_[number] = {down_for, prng.Chance(1, 3)};
  if (node(number).LoseSectors(/*in_use=*/!now, prng)) {
    ++damages_;
    damaged_[number] = true;
  }
  if (now) RestartAfter(number, down_for);
}

bool World::Wipe(NodeNumber number, Duration down_for) {
  JACO_CHECK(options_.walk);
  if (!node(number).last_seen().has_value() || !MayDamage(number)) {
    return false;
  }
  StopNode(node(number), StopKind::kPowerLoss);
  node(number).Wipe();
  ++wipes_;
  damaged_[number] = true;
  joins_.OnWiped(number);
  // It has no certificate any more.
  fabric_.Replace(number);
  RestartAfter(number, down_for);
  return true;
}

void World::StopNode(SimNode& node, StopKind kind) {
  ++crashes_;
  node.Stop(kind);
  Prng prng = MakeStream(seed_, Stream::kReset, node.number(), node.starts());
  fabric_.ResetConnections(node.number(), prng.Chance(1, 2));
  if (down_observer_ != nullptr) down_observer_(node.number());
}

void World::RestartAfter(NodeNumber number, Duration down_for) {
  restarts_[number] =
      queue_.Schedule(queue_.now() + down_for, kWorldOwner,
                      {EventKind::kRestart, kWorld, number}, [this, number] {
                        if (!node(number).up()) node(number).Start();
                      });
}

void World::Pause(NodeNumber number) {
  if (!node(number).up()) return;
  trace_.Note({EventKind::kPause, number});
  queue_.Pause(number);
}

void World::Resume(NodeNumber number) {
  if (!queue_.IsPaused(number)) return;
  trace_.Note({EventKind::kResume, number});
  queue_.Resume(number);
}

void World::HealAll() {
  fabric_.HealAll();
  for (NodeNumber number = 1; number <= servers(); ++number) {
    Resume(number);
    queue_.Cancel(restarts_[number]);
    if (!node(number).up()) node(number).Start();
    node(number).HealDisk();
    // With a clock that is far from the others' nobody gets in.
    if (options_.walk) node(number).SetWall();
  }
}

void World::CalmNetwork() {
  LinkOptions calm = options_.link;
  calm.loss = 0;
  calm.duplicate = 0;
  calm.reorder = 0;
  calm.late = 0;
  fabric_.SetOptions(calm);
}

}  // namespace jaco::sim
