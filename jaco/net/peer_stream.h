// The stream that peers talk over: TLS with certificates on both sides.

#ifndef JACO_NET_PEER_STREAM_H_
#define JACO_NET_PEER_STREAM_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "jaco/env/pki.h"
#include "jaco/net/tls_identity.h"

namespace jaco::net {

using LoopExecutor = boost::asio::io_context::executor_type;
using PeerSocket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, LoopExecutor>;

// Whether `error` says that the peer's process has ended the connection: it is
// gone, or it has restarted. Silence says nothing, nor does a broken message.
bool IsPeerGone(const boost::system::error_code& error);

class PeerStream {
 public:
  using executor_type = LoopExecutor;
  enum class Side { kDialled, kAccepted };

  // `tls` is null for plain text, which only tests speak.
  PeerStream(PeerSocket socket, std::shared_ptr<TlsSetup> tls);
  PeerStream(const PeerStream&) = delete;
  PeerStream& operator=(const PeerStream&) = delete;

  PeerSocket& socket() { return socket_; }
  executor_type get_executor() { return socket_.get_executor(); }

  // Proves who both sides are. `done` runs later, with peer_untrusted or what
  // broke. The stream outlives it: `done` owns it. Socket options are set:
  // no delay, keep-alive, and an end to waiting for a host that is gone.
  void Handshake(Side side, absl::AnyInvocable<void(absl::Status)> done);

  // What the peer's certificate says; null before the handshake, and in plain
  // text.
  const env::NodeNames* peer() const { return peer_ ? &*peer_ : nullptr; }

  // Whether `tls` trusts the peer of an established connection: peer_untrusted.
  absl::Status CheckPeer(TlsSetup& tls);

  // As of Asio's streams.
  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (ssl_) {
      ssl_->async_read_some(buffers, std::forward<Handler>(handler));
    } else {
      socket_.async_read_some(buffers, std::forward<Handler>(handler));
    }
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (ssl_) {
      ssl_->async_write_some(buffers, std::forward<Handler>(handler));
    } else {
      socket_.async_write_some(buffers, std::forward<Handler>(handler));
    }
  }

  // At once, without a farewell.
  void Close();

 private:
  void OnHandshake(boost::system::error_code error,
                   absl::AnyInvocable<void(absl::Status)> done);

  PeerSocket socket_;
  std::shared_ptr<TlsSetup> tls_;
  std::optional<boost::asio::ssl::stream<PeerSocket&>> ssl_;
  std::optional<env::NodeNames> peer_;
};

}  // namespace jaco::net

#endif  // JACO_NET_PEER_STREAM_H_
