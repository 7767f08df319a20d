#include "jaco/net/http_server.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/http_session.h"
#include "jaco/net/http_sessions.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/counted_log.h"
#include "jaco/net/sansio/failure_limiter.h"
#include "jaco/net/sansio/source.h"
#include "jaco/net/tcp_listen.h"
#include "jaco/net/unix_socket.h"
#include "jaco/server/user_api.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using LoopExecutor = asio::io_context::executor_type;
using UnixAcceptor =
    asio::basic_socket_acceptor<asio::local::stream_protocol, LoopExecutor>;

// After a failed accept (no descriptors left): try again, not at once.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
// Connections that are being told that there are too many; beyond that they
// are closed without a word.
constexpr size_t kRefusedMax = 64;

Instant SteadyNow() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return Instant::FromNanoseconds(std::chrono::nanoseconds(now).count());
}

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
        unix_accept_timer_(context),
        refusals_(logger, LogLevel::kWarning, "http"),
        sessions_(options.connections_max, options.strangers_of_one_max),
        refused_(kRefusedMax, kRefusedMax) {}

  absl::Status ListenUnix(absl::string_view path, absl::string_view group) {
    auto listener = UnixListener::Open(path, group);
    if (!listener.ok()) return listener.status();
    error_code error;
    unix_acceptor_.assign(asio::local::stream_protocol(),
                          listener->ReleaseDescriptor(), error);
    unix_listener_.emplace(*std::move(listener));
    if (error) return absl::InternalError(error.message());
    Accept(unix_acceptor_, unix_accept_timer_, nullptr);
    return absl::OkStatus();
  }

  absl::StatusOr<uint16_t> ListenTcp(absl::string_view host_port,
                                     const TlsIdentity* tls,
                                     Authenticate authenticate) {
    const auto endpoint = ParseListener(host_port);
    if (!endpoint.ok()) return endpoint.status();
    if (tls == nullptr && !endpoint->address().is_loopback()) {
      return absl::InvalidArgumentError(
          absl::StrCat("plain HTTP is for loopback only, not for ", host_port));
    }
    auto listener = std::make_unique<TcpListener>(context_);
    const auto port = Listen(host_port, listener->acceptor);
    if (!port.ok()) return port;
    listener->tls = tls;
    listener->authenticate = std::move(authenticate);
    Accept(listener->acceptor, listener->accept_timer, listener.get());
    tcp_listeners_.push_back(std::move(listener));
    return port;
  }

  void Close() {
    closed_ = true;
    error_code ignored;
    unix_acceptor_.close(ignored);
    for (const auto& listener : tcp_listeners_) {
      listener->acceptor.close(ignored);
      listener->accept_timer.cancel();
      // What it captures may be about to go.
      listener->authenticate = nullptr;
    }
    unix_accept_timer_.cancel();
    unix_listener_.reset();
    sessions_.CloseAll();
    refused_.CloseAll();
    handler_ = nullptr;
    is_open_ = nullptr;
  }

  void OpenTo(HttpServer::IsOpen is_open) { is_open_ = std::move(is_open); }

  const HttpServerOptions& options() const override { return options_; }

  bool IsOpenTarget(absl::string_view target) override {
    return is_open_ != nullptr && is_open_(target);
  }

  void Handle(HttpSession* session, const HttpRequest& request,
              const server::Caller& caller, HttpReply reply) override {
    sessions_.OnRequest(session);
    if (!caller.join_token_hash.empty()) {
      reply = CountRefusals(caller.address, std::move(reply));
    }
    handler_(request, caller, std::move(reply));
  }

  void Identify(HttpServer::Authenticate& authenticate,
                const std::string& address, absl::string_view token, bool stale,
                Identified done) override {
    if (const int64_t wait_seconds = WaitSeconds(address); wait_seconds > 0) {
      return done(MakeError(ErrorCode::kRateLimited,
                            absl::StrCat("too many bad tokens from ", address,
                                         "; wait ", wait_seconds, " s")),
                  wait_seconds);
    }
    // One that a server without a quorum does not know may be new, but whoever
    // tries them one by one is told as much.
    const bool password = stale && server::IsBasic(token);
    authenticate(token, stale,
                 [weak = weak_from_this(), address, guessed = !token.empty(),
                  password, done = std::move(done)](
                     absl::StatusOr<server::Caller> caller) mutable {
                   const auto self = weak.lock();
                   if (self == nullptr || self->closed_) return;
                   if (password && !caller.ok()) {
                     self->CountRefusal(address, "a password that is unknown");
                   } else if (guessed && !caller.ok()) {
                     self->OnRefused(address, caller.status());
                   }
                   done(std::move(caller), 0);
                 });
  }

  int64_t WaitSeconds(const std::string& address) override {
    const Duration wait = failures_.Wait(address, SteadyNow());
    return wait > Duration() ? 1 + wait.milliseconds() / 1000 : 0;
  }

  void OnBadProof(const std::string& address) override {
    OnRefused(address,
              MakeError(ErrorCode::kTokenInvalid, "a password was not proved"));
  }

  std::shared_ptr<void> TakeArchivePlace() override {
    if (!archive_place_->expired()) return nullptr;
    std::shared_ptr<void> place = std::make_shared<char>();
    *archive_place_ = place;
    return place;
  }
  void ShareArchivePlace(const Impl& other) {
    archive_place_ = other.archive_place_;
  }

  void OnTurnedAway(absl::string_view address,
                    absl::string_view reason) override {
    if (address.empty()) address = "the unix socket";
    refusals_.Write(
        SteadyNow(), reason,
        absl::StrCat("closed the connection from ", address, ": ", reason));
  }

 private:
  struct TcpListener {
    explicit TcpListener(asio::io_context& context)
        : acceptor(context), accept_timer(context) {}
    TcpAcceptor acceptor;
    asio::steady_timer accept_timer;
    const TlsIdentity* tls = nullptr;  // null: plain HTTP
    HttpServer::Authenticate authenticate;
  };

  // `listener` is null for the unix socket. `timer` is of this acceptor alone:
  // to set one again ends the wait of whoever had set it.
  template <typename Acceptor>
  void Accept(Acceptor& acceptor, asio::steady_timer& timer,
              TcpListener* listener) {
    acceptor.async_accept([self = shared_from_this(), &acceptor, &timer,
                           listener](error_code error, auto socket) {
      if (self->closed_) return;
      if (!error) {
        self->accept_failing_ = false;
        HttpListener from = self->ListenerOf(socket, listener);
        if (listener == nullptr || listener->tls == nullptr ||
            from.tls != nullptr) {
          self->OnAccepted(HttpSocket(std::move(socket)), std::move(from));
        }
        return self->Accept(acceptor, timer, listener);
      }
      if (!std::exchange(self->accept_failing_, true)) {
        self->logger_->Write(LogLevel::kWarning, "http",
                             absl::StrCat("cannot accept connections: ",
                                          error.message(), "; trying on"));
      }
      timer.expires_after(kAcceptPause);
      timer.async_wait([self, &acceptor, &timer, listener](error_code) {
        if (!self->closed_) self->Accept(acceptor, timer, listener);
      });
    });
  }

  template <typename Socket>
  HttpListener ListenerOf(Socket& socket, TcpListener* listener) {
    HttpListener from;
    if constexpr (std::is_same_v<typename Socket::protocol_type,
                                 asio::ip::tcp>) {
      from.authenticate = &listener->authenticate;
      error_code error;
      const auto remote = socket.remote_endpoint(error);
      if (!error) from.address = SourceOf(remote.address().to_string());
      if (listener->tls != nullptr) {
        from.tls = listener->tls->api();
        if (from.tls == nullptr) {
          OnTurnedAway(from.address, "this server has no certificate yet");
        }
      }
    }
    return from;
  }

  void OnAccepted(HttpSocket socket, HttpListener from) {
    const bool room = sessions_.MakeRoom(from.address);
    if (!room) OnTurnedAway(from.address, "all connections are in use");
    if (!room && refused_.size() >= kRefusedMax) return;
    const auto session =
        MakeHttpSession(std::move(socket), this, std::move(from),
                        [this](HttpSession* ended) { Forget(ended); });
    if (room) {
      sessions_.Add(session);
      return session->Start();
    }
    refused_.Add(session);
    HttpResponse response = ErrorResponse(MakeError(
        ErrorCode::kRateLimited, absl::StrCat("all ", options_.connections_max,
                                              " connections are in "
                                              "use")));
    response.status = 503;
    session->Refuse(std::move(response));
  }

  void OnRefused(const std::string& address, const absl::Status& why) {
    const ErrorCode code = CodeOf(why);
    if (code == ErrorCode::kTokenInvalid || code == ErrorCode::kTokenRevoked) {
      CountRefusal(address, why.message());
    }
  }

  void CountRefusal(const std::string& address, absl::string_view why) {
    const Instant now = SteadyNow();
    failures_.OnFailure(address, now);
    refusals_.Write(
        now, why, absl::StrCat("refused a request from ", address, ": ", why));
  }

  // A join token that is no good any more opens nothing, and costs more to find
  // out than one that is not known.
  HttpReply CountRefusals(const std::string& address, HttpReply reply) {
    constexpr int kForbidden = 403;
    return [weak = weak_from_this(), address,
            reply = std::move(reply)](HttpResponse response) mutable {
      const auto self = weak.lock();
      if (self != nullptr && !self->closed_ && response.status == kForbidden) {
        self->CountRefusal(address, "its join token is not good for that");
      }
      reply(std::move(response));
    };
  }

  void Forget(const HttpSession* ended) {
    sessions_.Forget(ended);
    refused_.Forget(ended);
  }

  asio::io_context& context_;
  Logger* logger_;
  HttpHandler handler_;
  HttpServer::IsOpen is_open_;
  const HttpServerOptions options_;
  UnixAcceptor unix_acceptor_;
  std::vector<std::unique_ptr<TcpListener>> tcp_listeners_;
  asio::steady_timer unix_accept_timer_;
  std::optional<UnixListener> unix_listener_;
  FailureLimiter failures_;
  CountedLog refusals_;
  std::shared_ptr<std::weak_ptr<void>> archive_place_ =
      std::make_shared<std::weak_ptr<void>>();
  bool closed_ = false;
  bool accept_failing_ = false;  // said once an outage
  HttpSessions sessions_, refused_;
};

HttpServer::HttpServer(asio::io_context& context, Logger* logger,
                       HttpHandler handler, HttpServerOptions options)
    : impl_(std::make_shared<Impl>(context, logger, std::move(handler),
                                   options)) {}

HttpServer::~HttpServer() { impl_->Close(); }

void HttpServer::ShareArchivePlace(const HttpServer& other) {
  impl_->ShareArchivePlace(*other.impl_);
}

absl::Status HttpServer::ListenUnix(absl::string_view path,
                                    absl::string_view group) {
  return impl_->ListenUnix(path, group);
}

void HttpServer::OpenTo(IsOpen is_open) { impl_->OpenTo(std::move(is_open)); }

absl::StatusOr<uint16_t> HttpServer::ListenTls(absl::string_view host_port,
                                               const TlsIdentity* tls,
                                               Authenticate authenticate) {
  return impl_->ListenTcp(host_port, tls, std::move(authenticate));
}

absl::StatusOr<uint16_t> HttpServer::ListenLoopback(absl::string_view host_port,
                                                    Authenticate authenticate) {
  return impl_->ListenTcp(host_port, nullptr, std::move(authenticate));
}

}  // namespace jaco::net
