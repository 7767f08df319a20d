#ifndef JACO_SIM_SIM_NETWORK_H_
#define JACO_SIM_SIM_NETWORK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/functional/function_ref.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/env/network.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/trace.h"

namespace jaco::sim {

// How a link treats frames. Chances are in a million.
struct LinkOptions {
  Duration delay_base = Microseconds(50);
  Duration delay_tail = Microseconds(50);  // on average, on top of the base
  uint32_t loss = 0;
  uint32_t duplicate = 0;
  uint32_t reorder = 0;  // the frame does not wait for those before it
  // Another copy arrives much later, when nobody waits for it any more.
  uint32_t late = 0;
  Duration late_by;  // on average
};

// What a link carries, as a queue in front of a slow wire.
struct Bandwidth {
  int64_t bytes_per_second = 0;  // 0: no limit
  // What waits beyond this is dropped, the newest first; one frame always fits.
  size_t queue_bytes = 0;
};

class SimNetwork;

// Every link between the nodes of a world. What a link draws depends on nothing
// but the seed, the link and the frames it was given.
class Fabric {
 public:
  // Beyond these frames are dropped.
  static constexpr size_t kInFlightMax = 8192;  // in one direction
  static constexpr size_t kCloggedMax = 1024;

  // `queue` and `trace` outlive the fabric.
  Fabric(EventQueue& queue, Trace& trace, uint64_t seed,
         const LinkOptions& options);
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  void SetOptions(const LinkOptions& options) { options_ = options; }

  // Frames from `from` to `to`, those in flight included, are lost until every
  // Cut has its Mend.
  void Cut(NodeNumber from, NodeNumber to);
  void Mend(NodeNumber from, NodeNumber to);
  // Frames wait at the link until every Clog has its Release; the last lets
  // them go one by one.
  void Clog(NodeNumber from, NodeNumber to);
  void Release(NodeNumber from, NodeNumber to);
  // Delays are multiplied; 1 is normal.
  void SetSlowness(NodeNumber from, NodeNumber to, int64_t factor);
  // Frames leave one after the other, in order, as fast as that allows. Without
  // a limit all that waits leaves.
  void SetBandwidth(NodeNumber from, NodeNumber to, const Bandwidth& bandwidth);
  // Whether a link is neither cut nor clogged.
  bool IsOpen(NodeNumber from, NodeNumber to) {
    const Link& link = LinkBetween(from, to);
    return link.cuts == 0 && link.clogs == 0;
  }
  // No link is cut, clogged, slow or narrow any more.
  void HealAll();

  // The process of `node` is gone: the others that can be reached hear of it
  // after the link's delay; with `drop_in_flight` nothing that is under way
  // from or to it arrives.
  void ResetConnections(NodeNumber node, bool drop_in_flight);
  // `node` is another server from now on, whose connections are its own:
  // ResetConnections, and what clogged links hold is lost as well.
  void Replace(NodeNumber node);
  // The connections between two nodes break, and nothing else does: what waits
  // or is under way between them is lost, and each hears, after the link's
  // delay, that the other is gone. Who cannot be reached hears nothing.
  void ResetConnection(NodeNumber a, NodeNumber b);

 private:
  friend class SimNetwork;

  struct Link {
    explicit Link(uint64_t seed) : prng(seed) {}
    Prng prng;
    int cuts = 0;
    int clogs = 0;
    int64_t slowness = 1;
    uint32_t in_flight = 0;
    Instant last_arrival;
    Bandwidth bandwidth;
    std::deque<env::FramePtr> held;  // while clogged or narrow
    size_t held_bytes = 0;
    EventId transmission = 0;  // of the first of them; 0: none
  };
  struct Flight {
    env::FramePtr frame;  // nullptr: free
    EventId event = 0;
    NodeNumber from = 0;
    NodeNumber to = 0;
  };

  Link& LinkBetween(NodeNumber from, NodeNumber to) {
    return links_[static_cast<size_t>(from) * (kNodesMax + 1) + to];
  }
  void Send(NodeNumber from, NodeNumber to, env::FramePtr frame);
  void Hold(Link& link, NodeNumber from, NodeNumber to, env::FramePtr frame);
  // Starts the transmission of the first frame that is held, unless one runs.
  void Transmit(NodeNumber from, NodeNumber to);
  void OnTransmitted(NodeNumber from, NodeNumber to);
  // Nothing holds frames at the link any more.
  void LetGo(Link& link, NodeNumber from, NodeNumber to);
  void Launch(Link& link, NodeNumber from, NodeNumber to, env::FramePtr frame,
              Instant arrival);
  void Arrive(uint32_t flight);
  void Drop(NodeNumber from, NodeNumber to, const env::FramePtr& frame);
  Instant ArrivalTime(Link& link);
  void LoseFlights(absl::FunctionRef<bool(const Flight&)> lost);
  void LoseHeld(NodeNumber from, NodeNumber to);
  // Tells `peer`, if it can be reached, that `node` is gone.
  void TellDown(NodeNumber node, NodeNumber peer);
  uint32_t TakeFlight();
  // Returns the frame.
  env::FramePtr EndFlight(uint32_t flight);

  EventQueue& queue_;
  Trace& trace_;
  LinkOptions options_;
  std::vector<Link> links_;
  std::array<SimNetwork*, kNodesMax + 1> ports_ = {};
  std::vector<Flight> flights_;
  std::vector<uint32_t> free_flights_;
};

// One incarnation's access to the fabric. PeerIds are node numbers.
class SimNetwork final : public env::Network {
 public:
  SimNetwork(Fabric& fabric, NodeNumber node);
  ~SimNetwork() override;

  void Send(const env::PeerAddress& to, env::FramePtr frame) override;
  void Bind(env::FrameReceiver* receiver) override { receiver_ = receiver; }

 private:
  friend class Fabric;

  Fabric& fabric_;
  const NodeNumber node_;
  env::FrameReceiver* receiver_ = nullptr;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_NETWORK_H_
