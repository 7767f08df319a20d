#include "jaco/sim/nemesis.h"

#include <utility>

namespace jaco::sim {
namespace {

// Faults within a job strike at one of so many operations to come.
constexpr uint64_t kOperationsMax = 24;
constexpr uint64_t kSlownessMax = 200;

bool IsCut(FaultKind kind) {
  return kind == FaultKind::kPartition || kind == FaultKind::kOneWayCut ||
         kind == FaultKind::kIsolate || kind == FaultKind::kBridge;
}

bool IsOfLinks(FaultKind kind) {
  return IsCut(kind) || kind == FaultKind::kClog ||
         kind == FaultKind::kSlowLink;
}

bool NeedsUndoing(FaultKind kind) {
  return IsOfLinks(kind) || kind == FaultKind::kPause;
}

}  // namespace

Nemesis::Nemesis(World& world, std::vector<Fault> schedule)
    : world_(world),
      schedule_(std::move(schedule)),
      owner_(world.queue().NewOwner()) {
  for (size_t i = 0; i < schedule_.size(); ++i) {
    const EventLabel label{EventKind::kFault, kWorld, schedule_[i].node,
                           static_cast<uint32_t>(schedule_[i].kind)};
    world.queue().Schedule(schedule_[i].at, owner_, label,
                           [this, i] { Strike(i); });
  }
}

void Nemesis::Stop() { world_.queue().CancelAll(owner_); }

Nemesis::Target Nemesis::TargetOf(const Fault& fault) {
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
  const Target target = TargetOf(fault);
  world_.trace().Note({EventKind::kStrike, target.node, target.peer,
                       static_cast<uint32_t>(fault.kind)},
                      FaultKindName(fault.kind));
  if (IsOfLinks(fault.kind)) {
    StrikeLinks(fault, target);
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
    case FaultKind::kWallJump:
      world_.node(node).JumpWall(prng.Between(Seconds(0), Seconds(7200)) -
                                 Seconds(3600));
      break;
    default:
      break;
  }
}

void Nemesis::StrikeLinks(const Fault& fault, const Target& target) {
  Fabric& fabric = world_.fabric();
  switch (fault.kind) {
    case FaultKind::kClog:
      fabric.Clog(target.node, target.peer);
      break;
    case FaultKind::kSlowLink:
      fabric.SetSlowness(
          target.node, target.peer,
          static_cast<int64_t>(Prng(fault.draw).Between(2, kSlownessMax)));
      break;
    default:
      ForCutLinks(fault, target, [&fabric](NodeNumber from, NodeNumber to) {
        fabric.Cut(from, to);
      });
  }
}

void Nemesis::Undo(size_t number, const Target& target) {
  const Fault& fault = schedule_[number];
  Fabric& fabric = world_.fabric();
  switch (fault.kind) {
    case FaultKind::kPause:
      world_.Resume(target.node);
      break;
    case FaultKind::kClog:
      fabric.Release(target.node, target.peer);
      break;
    case FaultKind::kSlowLink:
      fabric.SetSlowness(target.node, target.peer, 1);
      break;
    default:
      ForCutLinks(fault, target, [&fabric](NodeNumber from, NodeNumber to) {
        fabric.Mend(from, to);
      });
  }
}

void Nemesis::ForCutLinks(
    const Fault& fault, const Target& target,
    absl::FunctionRef<void(NodeNumber, NodeNumber)> apply) {
  // The target is on the side of those whose bit is set.
  uint64_t side = fault.draw | uint64_t{1} << target.node;
  if (fault.kind == FaultKind::kIsolate) side = uint64_t{1} << target.node;
  const auto is_here = [side](NodeNumber n) { return (side >> n & 1) != 0; };
  const auto bridges = [&](NodeNumber n) {
    return fault.kind == FaultKind::kBridge && n == target.peer;
  };
  for (NodeNumber a = 1; a <= world_.servers(); ++a) {
    for (NodeNumber b = 1; b <= world_.servers(); ++b) {
      if (!is_here(a) || is_here(b) || bridges(a) || bridges(b)) continue;
      apply(a, b);
      if (fault.kind != FaultKind::kOneWayCut) apply(b, a);
    }
  }
}

}  // namespace jaco::sim
