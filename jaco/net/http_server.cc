#include "jaco/net/http_server.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/http_session.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/unix_socket.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using LoopExecutor = asio::io_context::executor_type;
using UnixAcceptor =
    asio::basic_socket_acceptor<asio::local::stream_protocol, LoopExecutor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, LoopExecutor>;

// After a failed accept (no descriptors left): try again, not at once.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
// Connections that are being told that there are too many; beyond that they
// are closed without a word.
constexpr size_t kRefusedMax = 64;

}  // namespace

class HttpServer::Impl final : public HttpSessionOwner,
                               public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, Logger* logger, HttpHandler handler,
       HttpServerOptions options)
      : context_(context),
        logger_(logger),
        handler_(std::move(handler)),
        options_(options),
        unix_acceptor_(context),
        tcp_acceptor_(context),
        accept_timer_(context) {}

  absl::Status ListenUnix(absl::string_view path) {
    auto listener = UnixListener::Open(path);
    if (!listener.ok()) return listener.status();
    error_code error;
    unix_acceptor_.assign(asio::local::stream_protocol(),
                          listener->ReleaseDescriptor(), error);
    unix_listener_.emplace(*std::move(listener));
    if (error) return absl::InternalError(error.message());
    Accept(unix_acceptor_, nullptr);
    return absl::OkStatus();
  }

  absl::StatusOr<uint16_t> ListenLoopback(uint16_t port,
                                          Authenticate authenticate) {
    const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(),
                                           port);
    error_code error;
    tcp_acceptor_.open(endpoint.protocol(), error);
    if (!error)
      tcp_acceptor_.set_option(TcpAcceptor::reuse_address(true), error);
    if (!error) tcp_acceptor_.bind(endpoint, error);
    if (!error) {
      tcp_acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (!error) port = tcp_acceptor_.local_endpoint(error).port();
    if (error) {
      return absl::FailedPreconditionError(absl::StrCat(
          "cannot listen on 127.0.0.1:", port, ": ", error.message()));
    }
    authenticate_ = std::move(authenticate);
    Accept(tcp_acceptor_, &authenticate_);
    return port;
  }

  void Close() {
    closed_ = true;
    error_code ignored;
    unix_acceptor_.close(ignored);
    tcp_acceptor_.close(ignored);
    accept_timer_.cancel();
    unix_listener_.reset();
    for (const auto& [key, session] : sessions_) session->Close();
    sessions_.clear();
    // What it captures may be about to go.
    handler_ = nullptr;
    authenticate_ = nullptr;
  }

  const HttpServerOptions& options() const override { return options_; }

  void Handle(const HttpRequest& request, const server::Caller& caller,
              HttpReply reply) override {
    handler_(request, caller, std::move(reply));
  }

 private:
  template <typename Acceptor>
  void Accept(Acceptor& acceptor, Authenticate* authenticate) {
    acceptor.async_accept([self = shared_from_this(), &acceptor, authenticate](
                              error_code error, auto socket) {
      if (self->closed_) return;
      if (!error) {
        self->OnAccepted(HttpSocket(std::move(socket)), authenticate);
        return self->Accept(acceptor, authenticate);
      }
      self->logger_->Write(LogLevel::kWarning, "http",
                           absl::StrCat("accept: ", error.message()));
      self->accept_timer_.expires_after(kAcceptPause);
      self->accept_timer_.async_wait(
          [self, &acceptor, authenticate](error_code) {
            if (!self->closed_) self->Accept(acceptor, authenticate);
          });
    });
  }

  void OnAccepted(HttpSocket socket, Authenticate* authenticate) {
    if (sessions_.size() >= options_.connections_max + kRefusedMax) return;
    const auto session =
        MakeHttpSession(std::move(socket), this, authenticate,
                        [this](HttpSession* ended) { sessions_.erase(ended); });
    sessions_.emplace(session.get(), session);
    if (sessions_.size() <= options_.connections_max) return session->Start();
    HttpResponse response = ErrorResponse(MakeError(
        ErrorCode::kRateLimited, absl::StrCat("all ", options_.connections_max,
                                              " connections are in "
                                              "use")));
    response.status = 503;
    session->Refuse(std::move(response));
  }

  asio::io_context& context_;
  Logger* logger_;
  HttpHandler handler_;
  const HttpServerOptions options_;
  UnixAcceptor unix_acceptor_;
  TcpAcceptor tcp_acceptor_;
  asio::steady_timer accept_timer_;
  std::optional<UnixListener> unix_listener_;
  Authenticate authenticate_;
  bool closed_ = false;
  std::map<HttpSession*, std::shared_ptr<HttpSession>> sessions_;
};

HttpServer::HttpServer(asio::io_context& context, Logger* logger,
                       HttpHandler handler, HttpServerOptions options)
    : impl_(std::make_shared<Impl>(context, logger, std::move(handler),
                                   options)) {}

HttpServer::~HttpServer() { impl_->Close(); }

absl::Status HttpServer::ListenUnix(absl::string_view path) {
  return impl_->ListenUnix(path);
}

absl::StatusOr<uint16_t> HttpServer::ListenLoopback(uint16_t port,
                                                    Authenticate authenticate) {
  return impl_->ListenLoopback(port, std::move(authenticate));
}

}  // namespace jaco::net
