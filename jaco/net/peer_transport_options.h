#ifndef JACO_NET_PEER_TRANSPORT_OPTIONS_H_
#define JACO_NET_PEER_TRANSPORT_OPTIONS_H_

#include <cstddef>

#include "jaco/base/time.h"
#include "jaco/env/network.h"

namespace jaco::net {

struct PeerTransportOptions {
  // Of one peer's queue; frames beyond either limit are dropped.
  size_t queue_frames_max = 4096;
  size_t queue_bytes_max = 4 * env::kFrameBytesMax;
  size_t incoming_max = 64;  // connections
  Duration connect_timeout = Seconds(2);
  Duration handshake_timeout = Seconds(5);
  // Between the end of a connection and the next dial: doubles from min to max,
  // each time drawn between half and all of it.
  Duration backoff_min = Milliseconds(20);
  Duration backoff_max = Seconds(1);
};

}  // namespace jaco::net

#endif  // JACO_NET_PEER_TRANSPORT_OPTIONS_H_
