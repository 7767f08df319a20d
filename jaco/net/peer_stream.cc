#include "jaco/net/peer_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>

#include "jaco/base/error.h"

namespace jaco::net {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

// Best effort: a socket that refuses an option still works.
void Configure(PeerSocket& socket) {
  constexpr int kSilenceSeconds = 10;
  const int fd = socket.native_handle();
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kSilenceSeconds);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kSilenceSeconds * 1000);
}

}  // namespace

bool IsPeerGone(const error_code& error) {
  namespace asio_error = boost::asio::error;
  return error == asio_error::eof || error == asio_error::connection_reset ||
         error == asio_error::connection_refused ||
         error == asio_error::broken_pipe ||
         // The process died, or closed without a farewell, as ours do.
         error == ssl::error::stream_truncated;
}

PeerStream::PeerStream(PeerSocket socket, std::shared_ptr<TlsSetup> tls)
    : socket_(std::move(socket)), tls_(std::move(tls)) {
  if (tls_ != nullptr) ssl_.emplace(socket_, tls_->peers());
}

void PeerStream::Handshake(Side side,
                           absl::AnyInvocable<void(absl::Status)> done) {
  Configure(socket_);
  if (!ssl_) {
    boost::asio::post(get_executor(), [done = std::move(done)]() mutable {
      done(absl::OkStatus());
    });
    return;
  }
  ssl_->async_handshake(
      side == Side::kDialled ? ssl::stream_base::client
                             : ssl::stream_base::server,
      [this, done = std::move(done)](error_code error) mutable {
        OnHandshake(error, std::move(done));
      });
}

void PeerStream::OnHandshake(error_code error,
                             absl::AnyInvocable<void(absl::Status)> done) {
  // What this connection did wrong is not to be found by another's.
  ERR_clear_error();
  if (error) {
    const long verdict =
        SSL_get_verify_result(ssl_->native_handle());  // NOLINT
    return done(MakeError(ErrorCode::kPeerUntrusted,
                          verdict == X509_V_OK
                              ? error.message()
                              : X509_verify_cert_error_string(verdict)));
  }
  auto names = PeerNames(ssl_->native_handle(), tls_->names().cluster_id);
  if (!names.ok()) return done(names.status());
  peer_ = *std::move(names);
  done(absl::OkStatus());
}

absl::Status PeerStream::CheckPeer(TlsSetup& tls) {
  return ssl_ ? tls.CheckPeer(ssl_->native_handle()) : absl::OkStatus();
}

void PeerStream::Close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace jaco::net
