#include "jaco/sim/link_faults.h"

#include <utility>

#include "jaco/base/prng.h"

namespace jaco::sim {
namespace {

constexpr uint64_t kSlownessMax = 200;
// Between a link that hardly carries heartbeats and one that nobody notices.
constexpr int64_t kBytesPerSecondMin = 2048;
constexpr size_t kQueueBytesMin = 1024;
constexpr uint64_t kDoublings = 9;

bool IsCut(FaultKind kind) {
  return kind == FaultKind::kPartition || kind == FaultKind::kOneWayCut ||
         kind == FaultKind::kIsolate || kind == FaultKind::kBridge ||
         kind == FaultKind::kChain;
}

Bandwidth DrawBandwidth(uint64_t draw) {
  Prng prng(draw);
  return {.bytes_per_second = kBytesPerSecondMin << prng.Below(kDoublings + 1),
          .queue_bytes = kQueueBytesMin << prng.Below(kDoublings + 1)};
}

template <typename T>
void Shuffle(std::vector<T>& items, Prng& prng) {
  for (size_t i = 1; i < items.size(); ++i) {
    std::swap(items[i], items[prng.Below(i + 1)]);
  }
}

}  // namespace

bool LinkFaults::Includes(FaultKind kind) {
  return NeedsUndoing(kind) || kind == FaultKind::kSwizzle ||
         kind == FaultKind::kReset;
}

bool LinkFaults::NeedsUndoing(FaultKind kind) {
  return IsCut(kind) || kind == FaultKind::kClog ||
         kind == FaultKind::kSlowLink || kind == FaultKind::kNarrow;
}

void LinkFaults::Strike(const Fault& fault, const FaultTarget& target) {
  switch (fault.kind) {
    case FaultKind::kClog:
      fabric_.Clog(target.node, target.peer);
      break;
    case FaultKind::kSlowLink:
      fabric_.SetSlowness(
          target.node, target.peer,
          static_cast<int64_t>(Prng(fault.draw).Between(2, kSlownessMax)));
      break;
    case FaultKind::kNarrow:
      fabric_.SetBandwidth(target.node, target.peer, DrawBandwidth(fault.draw));
      break;
    case FaultKind::kSwizzle:
      Swizzle(fault, target.node);
      break;
    case FaultKind::kReset:
      Reset(fault, target);
      break;
    default:
      ForCutLinks(fault, target, [this](NodeNumber from, NodeNumber to) {
        fabric_.Cut(from, to);
      });
  }
}

void LinkFaults::Undo(const Fault& fault, const FaultTarget& target) {
  switch (fault.kind) {
    case FaultKind::kClog:
      fabric_.Release(target.node, target.peer);
      break;
    case FaultKind::kSlowLink:
      fabric_.SetSlowness(target.node, target.peer, 1);
      break;
    case FaultKind::kNarrow:
      fabric_.SetBandwidth(target.node, target.peer, {});
      break;
    default:
      ForCutLinks(fault, target, [this](NodeNumber from, NodeNumber to) {
        fabric_.Mend(from, to);
      });
  }
}

void LinkFaults::ForCutLinks(
    const Fault& fault, const FaultTarget& target,
    absl::FunctionRef<void(NodeNumber, NodeNumber)> apply) {
  if (fault.kind == FaultKind::kChain) {
    return ForLinksBeyondNeighbours(fault, apply);
  }
  // The target is on the side of those whose bit is set.
  uint64_t side = fault.draw | uint64_t{1} << target.node;
  if (fault.kind == FaultKind::kIsolate) side = uint64_t{1} << target.node;
  const auto is_here = [side](NodeNumber n) { return (side >> n & 1) != 0; };
  const auto bridges = [&](NodeNumber n) {
    return fault.kind == FaultKind::kBridge && n == target.peer;
  };
  for (NodeNumber a = 1; a <= nodes_; ++a) {
    for (NodeNumber b = 1; b <= nodes_; ++b) {
      if (!is_here(a) || is_here(b) || bridges(a) || bridges(b)) continue;
      apply(a, b);
      if (fault.kind != FaultKind::kOneWayCut) apply(b, a);
    }
  }
}

void LinkFaults::ForLinksBeyondNeighbours(
    const Fault& fault, absl::FunctionRef<void(NodeNumber, NodeNumber)> apply) {
  std::vector<NodeNumber> chain;
  for (NodeNumber i = 1; i <= nodes_; ++i) chain.push_back(i);
  Prng prng(fault.draw);
  Shuffle(chain, prng);
  for (size_t a = 0; a < chain.size(); ++a) {
    for (size_t b = a + 2; b < chain.size(); ++b) {
      apply(chain[a], chain[b]);
      apply(chain[b], chain[a]);
    }
  }
}

void LinkFaults::Reset(const Fault& fault, const FaultTarget& target) {
  const bool all = Prng(fault.draw).Chance(1, 4);
  for (NodeNumber peer = 1; peer <= nodes_; ++peer) {
    if (peer == target.node || (!all && peer != target.peer)) continue;
    fabric_.ResetConnection(target.node, peer);
  }
}

// As in FoundationDB's simulator: halfway through all are clogged.
void LinkFaults::Swizzle(const Fault& fault, NodeNumber node) {
  Prng prng(fault.draw);
  const uint64_t some = prng.Next() & prng.Next();
  std::vector<Link> links = LinksOfSome(some | uint64_t{1} << node);
  if (links.empty()) return;
  const Duration step = Nanoseconds(fault.length.nanoseconds() /
                                    static_cast<int64_t>(2 * links.size()));
  Instant at = queue_.now();
  const auto each = [&](EventKind kind,
                        void (Fabric::*change)(NodeNumber, NodeNumber)) {
    Shuffle(links, prng);
    for (const auto& [from, to] : links) {
      const EventLabel label{kind, kWorld, from,
                             static_cast<uint32_t>(fault.kind)};
      queue_.Schedule(at, owner_, label, [this, change, from = from, to = to] {
        (fabric_.*change)(from, to);
      });
      at = at + step;
    }
  };
  each(EventKind::kFault, &Fabric::Clog);
  each(EventKind::kUndo, &Fabric::Release);
}

// From or to a node whose bit is set.
std::vector<LinkFaults::Link> LinkFaults::LinksOfSome(uint64_t some) const {
  std::vector<Link> links;
  for (NodeNumber from = 1; from <= nodes_; ++from) {
    for (NodeNumber to = 1; to <= nodes_; ++to) {
      const bool meant = (some >> from & 1) != 0 || (some >> to & 1) != 0;
      if (from != to && meant) links.emplace_back(from, to);
    }
  }
  return links;
}

}  // namespace jaco::sim
