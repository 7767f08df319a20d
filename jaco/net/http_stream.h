// The bytes of one HTTP connection. Internal to http_server.

#ifndef JACO_NET_HTTP_STREAM_H_
#define JACO_NET_HTTP_STREAM_H_

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/rate_policy.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "jaco/net/bootstrap_psk.h"

namespace jaco::net {

// Unix and TCP sockets alike.
using HttpSocket =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                     boost::asio::io_context::executor_type>;

// Plain or TLS; the time limits are those of the plain stream.
class HttpStream {
 public:
  using Plain =
      boost::beast::basic_stream<boost::asio::generic::stream_protocol,
                                 boost::asio::io_context::executor_type,
                                 boost::beast::unlimited_rate_policy>;
  using executor_type = boost::asio::io_context::executor_type;

  HttpStream(HttpSocket socket,
             const std::shared_ptr<boost::asio::ssl::context>& tls)
      : plain_(std::move(socket)) {
    if (tls != nullptr) ssl_.emplace(plain_, *tls);
  }

  Plain* operator->() { return &plain_; }
  executor_type get_executor() { return plain_.get_executor(); }
  bool secure() const { return ssl_.has_value(); }
  // RFC 9266: of no other connection. Empty without TLS.
  std::string channel_binding() {
    constexpr absl::string_view kLabel = "EXPORTER-Channel-Binding";
    std::string binding(32, '\0');
    if (!ssl_ || SSL_export_keying_material(
                     ssl_->native_handle(),
                     reinterpret_cast<unsigned char*>(binding.data()),
                     binding.size(), kLabel.data(), kLabel.size(), nullptr, 0,
                     /*use_context=*/1) != 1) {
      return "";
    }
    return binding;
  }
  // Whether the client has shown the bootstrap key.
  bool bootstrap_peer() {
    return ssl_ && BootstrapPsk::IsUsedBy(ssl_->native_handle());
  }

  template <typename Handler>
  void async_handshake(Handler&& handler) {
    ssl_->async_handshake(boost::asio::ssl::stream_base::server,
                          std::forward<Handler>(handler));
  }
  template <typename Handler>
  void async_shutdown(Handler&& handler) {
    ssl_->async_shutdown(std::forward<Handler>(handler));
  }
  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (ssl_) {
      ssl_->async_read_some(buffers, std::forward<Handler>(handler));
    } else {
      plain_.async_read_some(buffers, std::forward<Handler>(handler));
    }
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (ssl_) {
      ssl_->async_write_some(buffers, std::forward<Handler>(handler));
    } else {
      plain_.async_write_some(buffers, std::forward<Handler>(handler));
    }
  }

 private:
  Plain plain_;
  std::optional<boost::asio::ssl::stream<Plain&>> ssl_;
};

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_STREAM_H_
