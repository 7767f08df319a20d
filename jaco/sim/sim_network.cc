#include "jaco/sim/sim_network.h"

#include <algorithm>
#include <utility>

#include "jaco/base/check.h"
#include "jaco/sim/stream.h"

namespace jaco::sim {
namespace {

constexpr uint64_t kMillion = 1'000'000;
// Between the frames that a released link lets go.
constexpr Duration kReleaseInterval = Microseconds(20);

uint32_t SizeOf(const env::FramePtr& frame) {
  return static_cast<uint32_t>(frame->size());
}

}  // namespace

Fabric::Fabric(EventQueue& queue, Trace& trace, uint64_t seed,
               const LinkOptions& options)
    : queue_(queue), trace_(trace), options_(options) {
  links_.reserve((kNodesMax + 1) * (kNodesMax + 1));
  for (uint64_t from = 0; from <= kNodesMax; ++from) {
    for (uint64_t to = 0; to <= kNodesMax; ++to) {
      links_.emplace_back(StreamSeed(seed, Stream::kLink, from, to));
    }
  }
}

void Fabric::Cut(NodeNumber from, NodeNumber to) {
  ++LinkBetween(from, to).cuts;
}

void Fabric::Mend(NodeNumber from, NodeNumber to) {
  int& cuts = LinkBetween(from, to).cuts;
  JACO_CHECK(cuts > 0);
  --cuts;
}

void Fabric::Clog(NodeNumber from, NodeNumber to) {
  ++LinkBetween(from, to).clogs;
}

void Fabric::Release(NodeNumber from, NodeNumber to) {
  Link& link = LinkBetween(from, to);
  JACO_CHECK(link.clogs > 0);
  if (--link.clogs > 0) return;
  if (link.bandwidth.bytes_per_second > 0) return Transmit(from, to);
  LetGo(link, from, to);
}

void Fabric::LetGo(Link& link, NodeNumber from, NodeNumber to) {
  link.last_arrival = std::max(link.last_arrival, queue_.now());
  link.held_bytes = 0;
  for (env::FramePtr& frame : std::exchange(link.held, {})) {
    const Instant arrival = ArrivalTime(link);
    Launch(link, from, to, std::move(frame), arrival);
    link.last_arrival = link.last_arrival + kReleaseInterval;
  }
}

void Fabric::SetBandwidth(NodeNumber from, NodeNumber to,
                          const Bandwidth& bandwidth) {
  Link& link = LinkBetween(from, to);
  link.bandwidth = bandwidth;
  if (bandwidth.bytes_per_second > 0) return;
  queue_.Cancel(std::exchange(link.transmission, 0));
  if (link.clogs == 0) LetGo(link, from, to);
}

void Fabric::SetSlowness(NodeNumber from, NodeNumber to, int64_t factor) {
  LinkBetween(from, to).slowness = factor;
}

void Fabric::HealAll() {
  for (NodeNumber from = 1; from <= kNodesMax; ++from) {
    for (NodeNumber to = 1; to <= kNodesMax; ++to) {
      Link& link = LinkBetween(from, to);
      link.cuts = 0;
      link.slowness = 1;
      if (link.bandwidth.bytes_per_second > 0) SetBandwidth(from, to, {});
      while (link.clogs > 0) Release(from, to);
    }
  }
}

void Fabric::ResetConnections(NodeNumber node, bool drop_in_flight) {
  if (drop_in_flight) {
    LoseFlights([node](const Flight& flight) {
      return flight.from == node || flight.to == node;
    });
  }
  for (NodeNumber peer = 1; peer <= kNodesMax; ++peer) {
    if (peer != node) TellDown(node, peer);
  }
}

void Fabric::Replace(NodeNumber node) {
  for (NodeNumber peer = 1; peer <= kNodesMax; ++peer) {
    LoseHeld(node, peer);
    LoseHeld(peer, node);
  }
  ResetConnections(node, /*drop_in_flight=*/true);
}

void Fabric::ResetConnection(NodeNumber a, NodeNumber b) {
  LoseFlights([a, b](const Flight& flight) {
    return (flight.from == a && flight.to == b) ||
           (flight.from == b && flight.to == a);
  });
  LoseHeld(a, b);
  LoseHeld(b, a);
  TellDown(a, b);
  TellDown(b, a);
}

void Fabric::LoseFlights(absl::FunctionRef<bool(const Flight&)> lost) {
  for (uint32_t i = 0; i < flights_.size(); ++i) {
    const Flight& flight = flights_[i];
    if (flight.frame == nullptr || !lost(flight)) continue;
    queue_.Cancel(flight.event);
    Drop(flight.from, flight.to, flight.frame);
    EndFlight(i);
  }
}

void Fabric::LoseHeld(NodeNumber from, NodeNumber to) {
  Link& link = LinkBetween(from, to);
  queue_.Cancel(std::exchange(link.transmission, 0));
  link.held_bytes = 0;
  for (const env::FramePtr& frame : std::exchange(link.held, {})) {
    Drop(from, to, frame);
  }
}

void Fabric::TellDown(NodeNumber node, NodeNumber peer) {
  Link& link = LinkBetween(node, peer);
  if (ports_[peer] == nullptr || link.cuts > 0 || link.clogs > 0) return;
  const auto tell = [this, node, peer] {
    SimNetwork* port = ports_[peer];
    if (port == nullptr || port->receiver_ == nullptr) return;
    port->receiver_->OnPeerDown(node);
  };
  queue_.Schedule(ArrivalTime(link), kWorldOwner,
                  {EventKind::kPeerDown, peer, node}, tell);
}

void Fabric::Send(NodeNumber from, NodeNumber to, env::FramePtr frame) {
  Link& link = LinkBetween(from, to);
  const bool lost =
      options_.loss > 0 && link.prng.Chance(options_.loss, kMillion);
  const bool twice =
      options_.duplicate > 0 && link.prng.Chance(options_.duplicate, kMillion);
  const bool late =
      options_.late > 0 && link.prng.Chance(options_.late, kMillion);
  if (link.cuts > 0 || lost) return Drop(from, to, frame);
  if (late) {
    trace_.Note({EventKind::kDuplicate, to, from, SizeOf(frame)});
    const Instant arrival = queue_.now() + link.prng.Tail(options_.late_by);
    Launch(link, from, to, frame, arrival);
  }
  if (link.clogs > 0 || link.bandwidth.bytes_per_second > 0) {
    return Hold(link, from, to, std::move(frame));
  }
  if (twice) {
    trace_.Note({EventKind::kDuplicate, to, from, SizeOf(frame)});
    const Instant arrival = ArrivalTime(link);
    Launch(link, from, to, frame, arrival);
  }
  const Instant arrival = ArrivalTime(link);
  Launch(link, from, to, std::move(frame), arrival);
}

// As PeerOutgoing of jaco/net: a bounded queue that drops the newest.
void Fabric::Hold(Link& link, NodeNumber from, NodeNumber to,
                  env::FramePtr frame) {
  const bool narrow = link.bandwidth.bytes_per_second > 0;
  const bool full =
      narrow && !link.held.empty() &&
      link.held_bytes + frame->size() > link.bandwidth.queue_bytes;
  if (full || link.held.size() >= kCloggedMax) return Drop(from, to, frame);
  link.held_bytes += frame->size();
  link.held.push_back(std::move(frame));
  if (narrow) Transmit(from, to);
}

void Fabric::Transmit(NodeNumber from, NodeNumber to) {
  Link& link = LinkBetween(from, to);
  if (link.transmission != 0 || link.clogs > 0 || link.held.empty()) return;
  const env::FramePtr& frame = link.held.front();
  const auto bytes = static_cast<int64_t>(frame->size());
  const Duration takes = Nanoseconds(bytes * Seconds(1).nanoseconds() /
                                     link.bandwidth.bytes_per_second);
  link.transmission =
      queue_.Schedule(queue_.now() + takes, kWorldOwner,
                      {EventKind::kTransmit, kWorld, to, SizeOf(frame)},
                      [this, from, to] { OnTransmitted(from, to); });
}

void Fabric::OnTransmitted(NodeNumber from, NodeNumber to) {
  Link& link = LinkBetween(from, to);
  link.transmission = 0;
  if (link.clogs > 0) return;
  env::FramePtr frame = std::move(link.held.front());
  link.held.pop_front();
  link.held_bytes -= frame->size();
  const Instant arrival = ArrivalTime(link);
  Launch(link, from, to, std::move(frame), arrival);
  Transmit(from, to);
}

void Fabric::Launch(Link& link, NodeNumber from, NodeNumber to,
                    env::FramePtr frame, Instant arrival) {
  if (link.in_flight >= kInFlightMax) return Drop(from, to, frame);
  ++link.in_flight;
  const EventLabel label{EventKind::kFrame, to, from, SizeOf(frame)};
  const uint32_t index = TakeFlight();
  Flight& flight = flights_[index];
  flight.from = from;
  flight.to = to;
  flight.frame = std::move(frame);
  flight.event = queue_.Schedule(arrival, kWorldOwner, label,
                                 [this, index] { Arrive(index); });
}

Instant Fabric::ArrivalTime(Link& link) {
  Duration delay = options_.delay_base + link.prng.Tail(options_.delay_tail);
  Instant when = queue_.now() + delay * link.slowness;
  const bool overtakes =
      options_.reorder > 0 && link.prng.Chance(options_.reorder, kMillion);
  if (overtakes) return when;
  link.last_arrival = std::max(link.last_arrival, when);
  return link.last_arrival;
}

void Fabric::Arrive(uint32_t index) {
  const NodeNumber from = flights_[index].from;
  const NodeNumber to = flights_[index].to;
  const env::FramePtr frame = EndFlight(index);
  SimNetwork* port = ports_[to];
  if (LinkBetween(from, to).cuts > 0 || port == nullptr ||
      port->receiver_ == nullptr) {
    return Drop(from, to, frame);
  }
  port->receiver_->OnFrame(from, *frame);
}

void Fabric::Drop(NodeNumber from, NodeNumber to, const env::FramePtr& frame) {
  trace_.Note({EventKind::kDrop, to, from, SizeOf(frame)});
}

uint32_t Fabric::TakeFlight() {
  if (free_flights_.empty()) {
    flights_.emplace_back();
    return static_cast<uint32_t>(flights_.size() - 1);
  }
  const uint32_t index = free_flights_.back();
  free_flights_.pop_back();
  return index;
}

env::FramePtr Fabric::EndFlight(uint32_t index) {
  Flight& flight = flights_[index];
  --LinkBetween(flight.from, flight.to).in_flight;
  free_flights_.push_back(index);
  return std::exchange(flight.frame, nullptr);
}

SimNetwork::SimNetwork(Fabric& fabric, NodeNumber node)
    : fabric_(fabric), node_(node) {
  JACO_CHECK(node != kWorld && node <= kNodesMax);
  JACO_CHECK(fabric.ports_[node] == nullptr);
  fabric.ports_[node] = this;
}

SimNetwork::~SimNetwork() { fabric_.ports_[node_] = nullptr; }

void SimNetwork::Send(const env::PeerAddress& to, env::FramePtr frame) {
  // A stranger's address leads nowhere.
  if (to.id == kWorld || to.id > kNodesMax || to.id == node_) return;
  if (frame->size() > env::kFrameBytesMax) return;
  fabric_.Send(node_, static_cast<NodeNumber>(to.id), std::move(frame));
}

}  // namespace jaco::sim
