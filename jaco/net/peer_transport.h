#ifndef JACO_NET_PEER_TRANSPORT_H_
#define JACO_NET_PEER_TRANSPORT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"
#include "jaco/base/prng.h"
#include "jaco/env/network.h"
#include "jaco/net/peer_transport_options.h"
#include "jaco/net/sansio/frame_reader.h"

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace jaco::net {

// Frames between servers over TLS, with a node certificate of the cluster on
// both sides: one connection for each direction of each pair, made by the
// sender when it has something to send. The id that a peer claims is that of
// its certificate. The wire format is in frame_reader.h. Loop thread (the
// thread that runs `context`).
class PeerTransport final : public env::Network {
 public:
  // What a connection tells the other side about us. Asked for when needed,
  // because a server learns its id and cluster only when it joins one.
  using Self = absl::AnyInvocable<PeerHello()>;

  // `context` and `logger` are borrowed; they outlive the transport. `prng`
  // jitters reconnects.
  PeerTransport(boost::asio::io_context& context, Logger* logger, Prng prng,
                Self self, PeerTransportOptions options = {});
  // Closes every connection; the receiver is not called any more.
  ~PeerTransport() override;

  // Accepts peers on `host_port`; an unspecified address means all interfaces,
  // port 0 any free one. kFailedPrecondition, naming the address and the
  // system's reason.
  absl::Status Listen(absl::string_view host_port);
  // The one that Listen got.
  uint16_t port() const;
  // Connections that were refused or closed before they were a peer's, or for
  // what they sent.
  uint64_t refused() const;

  // The credentials in force have changed. Connections to peers are made anew;
  // those of peers whom they do not trust end.
  void OnCredentials();

  void Send(const env::PeerAddress& to, env::FramePtr frame) override;
  void Bind(env::FrameReceiver* receiver) override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace jaco::net

#endif  // JACO_NET_PEER_TRANSPORT_H_
