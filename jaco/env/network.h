#ifndef JACO_ENV_NETWORK_H_
#define JACO_ENV_NETWORK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace jaco::env {

// Names a server for the transport; equals the value of its raft::NodeId.
using PeerId = uint64_t;

struct PeerAddress {
  PeerId id = 0;
  std::string host_port;  // "10.0.0.5:7001"
};

// The bytes of one frame, shared by every place it is queued at.
using FramePtr = std::shared_ptr<const std::string>;

// A limit on one frame in both directions; longer ones are a protocol error.
inline constexpr size_t kFrameBytesMax = size_t{16} << 20;

// What arrives. Loop thread.
class FrameReceiver {
 public:
  virtual ~FrameReceiver() = default;

  // Whether frames of `from` are taken at all: asked when it has proved who it
  // is, and again as time goes by. A transport that is told no closes its
  // connection.
  virtual bool Admits(PeerId /*from*/) { return true; }

  // A whole frame from `from`. The bytes are whatever the peer sent: hostile
  // until decoded. They live until the call returns.
  virtual void OnFrame(PeerId from, absl::string_view frame) = 0;

  // The connection from or to `peer` was reset or refused: evidence, not proof,
  // that its process is gone.
  virtual void OnPeerDown(PeerId peer) = 0;
};

// Unreliable datagrams between servers: a frame arrives whole, or never, or
// twice, or after a later one. Twins: net's PeerTransport, SimNetwork.
class Network {
 public:
  virtual ~Network() = default;

  // Queues `frame` for `to` and returns. Drops it when the peer cannot be
  // reached or its queue is full: the sender's protocol repeats what matters.
  // Loop thread.
  virtual void Send(const PeerAddress& to, FramePtr frame) = 0;

  // Hands every later frame to `receiver`, which outlives the network or is
  // replaced by nullptr first. Frames that arrive while there is none are
  // dropped. Loop thread.
  virtual void Bind(FrameReceiver* receiver) = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_NETWORK_H_
