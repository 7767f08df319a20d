#include "jaco/sim/nemesis.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "jaco/base/error.h"
#include "jaco/base/prng.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/types.h"
#include "jaco/server/voter_policy.h"
#include "jaco/sim/loss.h"

namespace jaco::sim {
namespace {

// Faults within a job strike at one of so many operations to come.
constexpr uint64_t kOperationsMax = 24;

bool IsOfMembers(FaultKind kind) {
  return kind == FaultKind::kReconfigure || kind == FaultKind::kTransfer ||
         kind == FaultKind::kLeave;
}

// Any number of voters, and perhaps learners among the others. An even number
// is not what a cluster is meant to have, but the core allows it.
raft::Configuration DrawConfiguration(Prng prng, NodeNumber servers) {
  std::vector<NodeNumber> nodes(servers);
  for (NodeNumber i = 0; i < servers; ++i) {
    nodes[i] = static_cast<NodeNumber>(i + 1);
    std::swap(nodes[i], nodes[prng.Below(uint64_t{i} + 1)]);
  }
  const uint64_t voters = prng.Between(1, servers);
  raft::Configuration target;
  for (size_t i = 0; i < nodes.size(); ++i) {
    auto* list = &target.voters;
    if (i >= voters) {
      if (!prng.Chance(1, 4)) continue;
      list = &target.learners;
    }
    const server::FoundingMember member = MemberOf(nodes[i]);
    list->push_back(member.id);
    target.addresses.emplace_back(member.id, member.address);
  }
  std::sort(target.voters.begin(), target.voters.end());
  std::sort(target.learners.begin(), target.learners.end());
  std::sort(target.addresses.begin(), target.addresses.end());
  return target;
}

// Servers in repair do not vote, so they must not be what is left.
bool SoundWithout(NodeNumber number, const World& world,
                  const raft::Configuration& configuration) {
  std::set<NodeNumber> lost = world.Damaged();
  if (lost.empty()) return true;
  lost.insert(number);
  return HasQuorumWithout(world, lost, configuration.Members());
}

bool NeedsUndoing(FaultKind kind) {
  return LinkFaults::NeedsUndoing(kind) || kind == FaultKind::kPause ||
         kind == FaultKind::kNoRoom;
}

}  // namespace

Nemesis::Nemesis(World& world, std::vector<Fault> schedule)
    : world_(world),
      schedule_(std::move(schedule)),
      owner_(world.queue().NewOwner()),
      links_(world.fabric(), world.queue(), world.servers(), owner_) {
  for (size_t i = 0; i < schedule_.size(); ++i) {
    const EventLabel label{EventKind::kFault, kWorld, schedule_[i].node,
                           static_cast<uint32_t>(schedule_[i].kind)};
    world.queue().Schedule(schedule_[i].at, owner_, label,
                           [this, i] { Strike(i); });
  }
}

void Nemesis::Stop() {
  world_.queue().CancelAll(owner_);
  joiners_.Finish();
}

FaultTarget Nemesis::TargetOf(const Fault& fault) {
  const auto servers = world_.servers();
  NodeNumber node = fault.node;
  if (node == kTheLeader) node = world_.Leader();
  if (node == kTheLeader) node = fault.peer;
  NodeNumber peer = fault.peer;
  if (peer == node) peer = static_cast<NodeNumber>(peer % servers + 1);
  return {node, peer};
}

void Nemesis::Strike(size_t number) {
  const Fault& fault = schedule_[number];
  const FaultTarget target = TargetOf(fault);
  world_.trace().Note({EventKind::kStrike, target.node, target.peer,
                       static_cast<uint32_t>(fault.kind)},
                      FaultKindName(fault.kind));
  if (LinkFaults::Includes(fault.kind)) {
    links_.Strike(fault, target);
  } else if (IsOfMembers(fault.kind)) {
    StrikeMembers(fault, target);
  } else if (world_.node(target.node).up()) {
    StrikeNode(fault, target.node);
  }
  if (!NeedsUndoing(fault.kind)) return;
  const EventLabel label{EventKind::kUndo, kWorld, target.node,
                         static_cast<uint32_t>(fault.kind)};
  world_.queue().Schedule(world_.now() + fault.length, owner_, label,
                          [this, number, target] { Undo(number, target); });
}

void Nemesis::StrikeNode(const Fault& fault, NodeNumber node) {
  Prng prng(fault.draw);
  switch (fault.kind) {
    case FaultKind::kCrash: {
      const bool power = prng.Chance(2, 3);
      const auto kind = power ? StopKind::kPowerLoss : StopKind::kKill;
      world_.Crash(node, kind, fault.length);
      break;
    }
    case FaultKind::kCrashInJob:
      world_.CrashInJob(node, prng.Between(1, kOperationsMax), fault.length);
      break;
    case FaultKind::kPause:
      world_.Pause(node);
      break;
    case FaultKind::kDiskStall:
      world_.node(node).StallDisk(fault.length);
      break;
    case FaultKind::kDiskError:
      world_.node(node).FailDiskAt(prng.Between(1, kOperationsMax),
                                   SimFileSystem::Fault::kIoError);
      break;
    case FaultKind::kDiskFull:
      world_.node(node).FailDiskAt(prng.Between(1, kOperationsMax),
                                   SimFileSystem::Fault::kNoSpace);
      break;
    case FaultKind::kBitRot:
      Damage(fault, node, DamageKind::kBitRot);
      break;
    case FaultKind::kLostWrite:
      Damage(fault, node, DamageKind::kLostWrite);
      break;
    case FaultKind::kMisdirectedWrite:
      Damage(fault, node, DamageKind::kMisdirectedWrite);
      break;
    case FaultKind::kUnreadable:
      LoseSectors(fault, node);
      break;
    case FaultKind::kWipe:
      Wipe(fault, node);
      break;
    case FaultKind::kNoRoom:
      world_.node(node).FillDisk();
      break;
    case FaultKind::kWallJump:
      world_.node(node).JumpWall(prng.Between(Seconds(0), Seconds(7200)) -
                                 Seconds(3600));
      break;
    default:
      break;
  }
}

void Nemesis::Damage(const Fault& fault, NodeNumber node, DamageKind kind) {
  if (!MayDamage(node)) return;
  world_.Damage(node, kind, fault.length, Prng(fault.draw));
}

// Where members change, a server must not get to be needed while nobody knows
// what it has lost.
void Nemesis::LoseSectors(const Fault& fault, NodeNumber node) {
  if (!MayDamage(node)) return;
  Prng prng(fault.draw);
  const bool now = world_.options().MembersChange() || prng.Chance(1, 3);
  world_.LoseSectors(node, now, fault.length, prng);
}

void Nemesis::Wipe(const Fault& fault, NodeNumber node) {
  if (!world_.options().walk || !MayDamage(node)) return;
  if (world_.Wipe(node, fault.length)) joiners_.OnWiped(node);
}

// Where members change, no configuration that may be in force may need it.
bool Nemesis::MayDamage(NodeNumber node) {
  if (!world_.options().MembersChange()) return true;
  std::set<NodeNumber> damaged = world_.Damaged();
  damaged.insert(node);
  if (!AllStarted(world_) || !CanSpare(world_, std::move(damaged))) {
    return false;
  }
  return !world_.options().voter_policy || VotersAreSettled();
}

// Until then a leader that still takes it for sound may make it the only voter
// of the next configuration, and a change from one voter to one tolerates no
// loss.
bool Nemesis::VotersAreSettled() {
  const NodeNumber leader = world_.Leader();
  if (leader == kWorld) return false;
  const server::Server& server = *world_.node(leader).server();
  const raft::Raft& raft = *server.raft();
  const raft::Configuration& configuration = raft.configuration();
  const size_t voters = configuration.voters.size();
  if (configuration.IsJoint() || raft.configuration_index() > raft.commit() ||
      voters < 3 ||
      voters != server::VotersFor(configuration.Members().size())) {
    return false;
  }
  return !Departures::SomebodyLeaves(server.state());
}

// Whoever leads is asked, but for those who leave, in an event of its own.
void Nemesis::StrikeMembers(const Fault& fault, const FaultTarget& target) {
  const bool leave = fault.kind == FaultKind::kLeave;
  const NodeNumber leader = leave ? target.node : world_.Leader();
  if (leader == kWorld) return;
  world_.queue().Schedule(
      world_.now(), owner_,
      {EventKind::kTask, leader, kWorld, static_cast<uint32_t>(fault.kind)},
      [this, fault, target, leader] {
        if (!world_.node(leader).up()) return;
        server::Server& server = *world_.node(leader).server();
        if (fault.kind == FaultKind::kLeave) {
          departures_.Ask(leader, Prng(fault.draw));
        } else if (fault.kind == FaultKind::kTransfer) {
          server.TransferLeadership(world_.IdOf(target.peer)).IgnoreError();
        } else if (world_.options().walk) {
          Walk(Prng(fault.draw), leader);
        } else if (world_.options().voter_policy) {
          ChangeMembers(Prng(fault.draw), leader);
        } else {
          raft::Configuration target =
              DrawConfiguration(Prng(fault.draw), world_.servers());
          if (!HasQuorumWithout(world_, world_.Damaged(), target.voters))
            return;
          server.ChangeConfiguration(std::move(target),
                                     [](const absl::Status&) {});
        }
      });
}

// One step, once the voters are what they should be after the last one.
void Nemesis::Walk(Prng prng, NodeNumber leader) {
  const server::Server& server = *world_.node(leader).server();
  if (server.raft() == nullptr) return;
  const raft::Raft& raft = *server.raft();
  const raft::Configuration& configuration = raft.configuration();
  const size_t members = configuration.Members().size();
  if (configuration.IsJoint() ||
      configuration.voters.size() != server::VotersFor(members)) {
    return;
  }
  grown_ = grown_ || members == world_.servers();
  walked_ = walked_ || (grown_ && members == 1);
  if (walked_) return;
  if (!grown_) return joiners_.Begin(prng, configuration);
  if (IsRemoving() || Departures::SomebodyLeaves(server.state())) return;
  const std::vector<raft::NodeId> all = configuration.Members();
  raft::NodeId out = all[prng.Below(all.size())];
  if (configuration.Contains(removing_)) out = removing_;
  if (SoundWithout(world_.NumberOf(out), world_, configuration)) {
    Remove(leader, out);
  }
}

// Until there is an answer. Nobody gets one of a server that has crashed since.
bool Nemesis::IsRemoving() {
  if (asked_ == kWorld) return false;
  const SimNode& node = world_.node(asked_);
  return node.up() && node.starts() == asked_incarnation_;
}

// Where nobody knows what became of it, the next step is the same again.
void Nemesis::Remove(NodeNumber asked, raft::NodeId out) {
  removing_ = out;
  asked_ = asked;
  asked_incarnation_ = world_.node(asked).starts();
  departures_.Remove(
      asked, world_.NumberOf(out), /*force=*/false,
      [this](const absl::Status& status) {
        asked_ = kWorld;
        if (status.ok()) ++removals_;
        if (status.ok() || CodeOf(status) == ErrorCode::kConflict) {
          removing_ = raft::kNoNode;
        }
      });
}

// Adds one that is none or removes one of the members; the policy decides who
// votes.
void Nemesis::ChangeMembers(Prng prng, NodeNumber leader) {
  const raft::Raft* raft = world_.node(leader).server()->raft();
  if (raft == nullptr) return;
  const raft::Configuration& configuration = raft->configuration();
  const auto number =
      static_cast<NodeNumber>(prng.Between(1, world_.servers()));
  if (!configuration.Contains(MemberOf(number).id)) {
    departures_.Add(leader, number);
  } else if (prng.Chance(1, 2) && SoundWithout(number, world_, configuration)) {
    departures_.Remove(leader, number, /*force=*/false);
  }
}

void Nemesis::Undo(size_t number, const FaultTarget& target) {
  const Fault& fault = schedule_[number];
  switch (fault.kind) {
    case FaultKind::kPause:
      world_.Resume(target.node);
      break;
    case FaultKind::kNoRoom:
      world_.node(target.node).MakeRoom();
      break;
    default:
      links_.Undo(fault, target);
  }
}

}  // namespace jaco::sim
