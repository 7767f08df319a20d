#include "jaco/sim/loss.h"

#include <algorithm>

#include "jaco/raft/quorum.h"
#include "jaco/raft/raft.h"

namespace jaco::sim {
namespace {

// Longer than any run.
constexpr Duration kForGood = Seconds(1'000'000);

enum class Manner { kDown, kCut, kDeaf, kMute, kOneLink };
constexpr uint64_t kManners = 5;

void TakeAway(World& world, NodeNumber lost, NodeNumber friendly,
              Manner manner) {
  if (manner == Manner::kDown) {
    return world.Crash(lost, StopKind::kPowerLoss, kForGood);
  }
  for (NodeNumber i = 1; i <= world.servers(); ++i) {
    if (i == lost || (manner == Manner::kOneLink && i == friendly)) continue;
    if (manner != Manner::kMute) world.fabric().Cut(i, lost);
    if (manner != Manner::kDeaf) world.fabric().Cut(lost, i);
  }
}

}  // namespace

bool HasQuorumWithout(const World& world, const std::set<NodeNumber>& lost,
                      const std::vector<raft::NodeId>& voters) {
  const auto left =
      std::count_if(voters.begin(), voters.end(), [&](raft::NodeId voter) {
        return !lost.contains(world.NumberOf(voter));
      });
  return voters.empty() ||
         static_cast<size_t>(left) >= raft::MajorityOf(voters.size());
}

bool CanSpare(World& world, std::set<NodeNumber> lost) {
  // A server in repair does not vote.
  for (NodeNumber i = 1; i <= world.servers(); ++i) {
    const raft::Raft* raft = world.node(i).server()->raft();
    if (raft != nullptr && raft->repairing()) lost.insert(i);
  }
  for (NodeNumber i = 1; i <= world.servers(); ++i) {
    // Whoever has not joined knows of nothing.
    if (world.node(i).server()->raft() == nullptr) continue;
    const raft::Raft& raft = *world.node(i).server()->raft();
    // Of what is committed and of what may be yet, as each server knows it.
    for (const raft::Configuration* known :
         {&raft.configuration(), &raft.ConfigurationAt(raft.commit())}) {
      if (!HasQuorumWithout(world, lost, known->voters) ||
          !HasQuorumWithout(world, lost, known->outgoing)) {
        return false;
      }
    }
    // The policy may be about to let them vote.
    if (world.options().voter_policy &&
        !HasQuorumWithout(world, lost, raft.configuration().Members())) {
      return false;
    }
  }
  return true;
}

bool AllStarted(World& world) {
  for (NodeNumber i = 1; i <= world.servers(); ++i) {
    SimNode& node = world.node(i);
    if (!node.up()) return false;
    const bool waits =
        world.options().walk &&
        node.server()->lifecycle() == server::Lifecycle::kUninitialized;
    const bool runs =
        node.last_seen().has_value() && node.server()->raft() != nullptr;
    if (!waits && !runs) return false;
  }
  return true;
}

Loss Lose(World& world, Prng& prng) {
  Loss loss;
  const auto manner = static_cast<Manner>(prng.Below(kManners));
  const auto draw = [&] {
    return static_cast<NodeNumber>(prng.Between(1, world.servers()));
  };
  for (uint64_t wanted = prng.Below(3); wanted > 0; --wanted) {
    std::set<NodeNumber> more = loss.servers;
    more.insert(draw());
    if (CanSpare(world, more)) loss.servers = std::move(more);
  }
  loss.partly = manner == Manner::kOneLink && !loss.servers.empty();
  const NodeNumber friendly = draw();
  for (const NodeNumber lost : loss.servers) {
    TakeAway(world, lost, friendly, manner);
  }
  return loss;
}

}  // namespace jaco::sim
