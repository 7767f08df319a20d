#ifndef JACO_NET_PEER_TRANSPORT_OPTIONS_H_
#define JACO_NET_PEER_TRANSPORT_OPTIONS_H_

#include <cstddef>

#include "jaco/base/time.h"
#include "jaco/env/network.h"

namespace jaco::net {

class TlsIdentity;

struct PeerTransportOptions {
  // Who we are and whom we trust; borrowed. While it is empty no connection is
  // made or taken.
  const TlsIdentity* tls = nullptr;
  // Instead: anybody may say that he is anyone. For tests.
  bool plaintext_for_tests = false;
  // Of one peer's queue; frames beyond either limit are dropped.
  size_t queue_frames_max = 4096;
  size_t queue_bytes_max = 4 * env::kFrameBytesMax;
  size_t incoming_max = 64;  // connections of peers
  // Connections that have not said yet who they are. The oldest goes when there
  // is one more: a peer needs milliseconds, a port scanner takes its time.
  size_t strangers_max = 32;
  Duration connect_timeout = Seconds(2);  // with its handshake
  Duration handshake_timeout = Seconds(5);
  // Between the end of a connection and the next dial: doubles from min to max,
  // each time drawn between half and all of it.
  Duration backoff_min = Milliseconds(20);
  Duration backoff_max = Seconds(1);
};

}  // namespace jaco::net

#endif  // JACO_NET_PEER_TRANSPORT_OPTIONS_H_
