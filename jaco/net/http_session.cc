#include "jaco/net/http_session.h"

#include <openssl/err.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/rate_policy.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/net/bootstrap_psk.h"
#include "jaco/net/sansio/api_router.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

using PlainStream = beast::basic_stream<asio::generic::stream_protocol,
                                        asio::io_context::executor_type,
                                        beast::unlimited_rate_policy>;

// Plain or TLS; the time limits are those of the plain stream.
class Stream {
 public:
  using executor_type = asio::io_context::executor_type;

  Stream(HttpSocket socket, const std::shared_ptr<asio::ssl::context>& tls)
      : plain_(std::move(socket)) {
    if (tls != nullptr) ssl_.emplace(plain_, *tls);
  }

  PlainStream* operator->() { return &plain_; }
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
    ssl_->async_handshake(asio::ssl::stream_base::server,
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
  PlainStream plain_;
  std::optional<asio::ssl::stream<PlainStream&>> ssl_;
};

using Parser = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;

// When to ask again who was told that there is another archive.
constexpr int64_t kArchiveRetrySeconds = 5;

std::chrono::nanoseconds Chrono(Duration duration) {
  return std::chrono::nanoseconds(duration.nanoseconds());
}

absl::string_view View(beast::string_view text) {
  return absl::string_view(text.data(), text.size());
}

beast::string_view Beast(absl::string_view text) {
  return beast::string_view(text.data(), text.size());
}

HttpResponse WithStatus(int status, ErrorCode code, absl::string_view message) {
  HttpResponse response = ErrorResponse(MakeError(code, message));
  response.status = status;
  return response;
}

HttpResponse BodyTooLarge(uint64_t body_bytes_max) {
  return WithStatus(
      413, ErrorCode::kTooLarge,
      absl::StrCat("the body is larger than ", body_bytes_max, " bytes"));
}

// What to tell a client whose bytes the parser refused.
HttpResponse ParseErrorResponse(error_code error,
                                const HttpServerOptions& options,
                                uint64_t body_bytes_max) {
  if (error == http::error::body_limit) {
    return BodyTooLarge(body_bytes_max);
  }
  if (error == http::error::header_limit ||
      error == http::error::buffer_overflow) {
    return WithStatus(431, ErrorCode::kTooLarge,
                      absl::StrCat("the header is larger than ",
                                   options.header_bytes_max, " bytes"));
  }
  return WithStatus(400, ErrorCode::kParseFailed,
                    absl::StrCat("not an HTTP request: ", error.message()));
}

bool IsParseError(error_code error) {
  static const auto& category =
      http::make_error_code(http::error::bad_method).category();
  return error.category() == category && error != http::error::end_of_stream &&
         error != http::error::partial_message;
}

class Session final : public HttpSession,
                      public std::enable_shared_from_this<Session> {
 public:
  Session(HttpSocket socket, HttpSessionOwner* owner, HttpListener listener,
          absl::AnyInvocable<void(HttpSession*)> on_end)
      : options_(owner->options()),
        owner_(owner),
        listener_(std::move(listener)),
        on_end_(std::move(on_end)),
        stream_(std::move(socket), listener_.tls),
        reply_timer_(stream_.get_executor()),
        buffer_(options_.header_bytes_max + options_.body_bytes_max) {}

  void Start() override {
    Handshake([](Session& self) { self.AwaitRequest(); });
  }

  void Refuse(HttpResponse response) override {
    keep_alive_ = false;
    refusal_ = std::move(response);
    Handshake([](Session& self) { self.Write(std::move(self.refusal_)); });
  }

  bool idle() const override { return idle_; }

  void Close() override {
    owner_ = nullptr;
    listener_.authenticate = nullptr;
    on_end_ = nullptr;
    reply_timer_.cancel();
    stream_->close();
    archive_place_.reset();
  }

 private:
  void Handshake(void (*next)(Session&)) {
    if (!stream_.secure()) return next(*this);
    // Whoever only holds a connection open is the first to make room.
    idle_ = true;
    stream_->expires_after(Chrono(options_.handshake_timeout));
    stream_.async_handshake([self = shared_from_this(),
                             next](error_code error) {
      ERR_clear_error();
      if (self->owner_ == nullptr) return;
      if (error) {
        self->owner_->OnNoHandshake(self->listener_.address, error.message());
        return self->End();
      }
      next(*self);
    });
  }

  // An idle connection may be long silent; one that has begun a request may
  // not. Pipelined bytes are in the buffer already.
  void AwaitRequest() {
    // What a large exchange took is given back: most connections are idle.
    constexpr size_t kKeptBytes = 16 << 10;
    response_ = {};
    archive_place_.reset();
    if (buffer_.size() == 0 && buffer_.capacity() > kKeptBytes) {
      buffer_.shrink_to_fit();
    }
    head_only_ = false;
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(options_.header_bytes_max));
    // The header tells what the limit is.
    body_bytes_max_ = options_.archive_bytes_max;
    parser_->body_limit(body_bytes_max_);
    archive_ = false;
    if (buffer_.size() > 0) return ReadHeader();
    constexpr size_t kReadBytes = 4096;
    idle_ = true;
    stream_->expires_after(Chrono(options_.idle_timeout));
    stream_.async_read_some(
        buffer_.prepare(kReadBytes),
        [self = shared_from_this()](error_code error, size_t size) {
          if (self->owner_ == nullptr) return;
          if (error) return self->End();
          self->idle_ = false;
          self->buffer_.commit(size);
          self->ReadHeader();
        });
  }

  void ReadHeader() {
    stream_->expires_after(Chrono(options_.header_timeout));
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) {
          if (self->owner_ == nullptr) return;
          if (error) return self->OnReadError(error);
          self->OnHeader();
        });
  }

  void OnHeader() {
    archive_ = IsArchiveTarget(View(parser_->get().target()));
    archive_ ? CheckArchiveCaller() : OnWelcome();
  }

  // Nobody else may make us read so much.
  void CheckArchiveCaller() {
    keep_alive_ = false;  // the body is unread
    Identify([](Session& self, absl::StatusOr<server::Caller> caller,
                int64_t wait_seconds) {
      if (caller.ok() && !caller->privileged) {
        caller = MakeError(ErrorCode::kPermissionDenied,
                           "a privileged token is needed (`jaco token issue "
                           "--allow-privileged`), or the unix socket");
      }
      if (!caller.ok()) return self.Deny(caller.status(), wait_seconds);
      self.archive_place_ = self.owner_->TakeArchivePlace();
      if (self.archive_place_ == nullptr) {
        return self.Deny(
            MakeError(ErrorCode::kRateLimited,
                      "another backup, snapshot or restore is under way on "
                      "this server; retry when it is through"),
            kArchiveRetrySeconds);
      }
      self.StopWaiting();
      self.OnWelcome();
    });
  }

  void OnWelcome() {
    body_bytes_max_ =
        archive_ ? options_.archive_bytes_max : options_.body_bytes_max;
    if (parser_->content_length().value_or(0) > body_bytes_max_) {
      keep_alive_ = false;
      return Write(BodyTooLarge(body_bytes_max_));
    }
    parser_->body_limit(body_bytes_max_);
    stream_->expires_after(
        Chrono(archive_ ? options_.archive_timeout : options_.request_timeout));
    const auto expect = View(parser_->get()[http::field::expect]);
    if (!absl::EqualsIgnoreCase(expect, "100-continue")) return ReadBody();
    static constexpr absl::string_view kContinue =
        "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = shared_from_this()](error_code error, size_t) {
                        if (self->owner_ == nullptr) return;
                        if (error) return self->End();
                        self->ReadBody();
                      });
  }

  void ReadBody() {
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (self->owner_ == nullptr) return;
                       if (error) return self->OnReadError(error);
                       self->Dispatch();
                     });
  }

  void OnReadError(error_code error) {
    if (!IsParseError(error)) return End();  // Gone, or too slow.
    keep_alive_ = false;
    Write(ParseErrorResponse(error, options_, body_bytes_max_));
  }

  void Dispatch() {
    const auto& message = parser_->get();
    keep_alive_ = message.keep_alive();
    head_only_ = message.method() == http::verb::head;
    Identify([](Session& self, absl::StatusOr<server::Caller> caller,
                int64_t wait_seconds) {
      caller.ok() ? self.Handle(*caller)
                  : self.Deny(caller.status(), wait_seconds);
    });
  }

  // Tells `next` who asks, or why that is not known and how long to wait before
  // the next attempt. From now on a reply is awaited.
  using Identified = void (*)(Session&, absl::StatusOr<server::Caller>,
                              int64_t wait_seconds);
  void Identify(Identified next) {
    const uint64_t request = ++requests_;
    AwaitReply(request);
    if (listener_.authenticate == nullptr) {
      return next(*this, server::Caller::Local(), 0);
    }
    if (stream_.bootstrap_peer()) {
      return next(*this,
                  server::Caller{.identity = "bootstrap_key",
                                 .bootstrap_peer = true,
                                 .address = listener_.address},
                  0);
    }
    if (owner_->IsOpenTarget(View(parser_->get().target()))) {
      return Welcome(next);
    }
    owner_->Identify(
        *listener_.authenticate, listener_.address, TokenOf(parser_->get()),
        IsStale(parser_->get()),
        [weak = weak_from_this(), request, next](
            absl::StatusOr<server::Caller> caller, int64_t wait_seconds) {
          const auto self = weak.lock();
          if (self == nullptr || !self->Awaits(request)) return;
          if (caller.ok()) {
            caller->address = self->listener_.address;
          }
          next(*self, std::move(caller), wait_seconds);
        });
  }

  // Anybody, but not those who have failed too often.
  void Welcome(Identified next) {
    const int64_t wait_seconds = owner_->WaitSeconds(listener_.address);
    if (wait_seconds > 0) {
      return next(
          *this,
          MakeError(ErrorCode::kRateLimited,
                    absl::StrCat("too many failures from ", listener_.address,
                                 "; wait ", wait_seconds, " s")),
          wait_seconds);
    }
    next(*this,
         server::Caller{.identity = "anonymous",
                        .anonymous = true,
                        .channel_binding = stream_.channel_binding(),
                        .address = listener_.address},
         0);
  }

  void AwaitReply(uint64_t request) {
    // The handler has its own limit: the stream's must not end the wait.
    stream_->expires_never();
    awaiting_reply_ = true;
    reply_timer_.expires_after(
        Chrono(archive_ ? options_.archive_timeout : options_.reply_timeout));
    reply_timer_.async_wait(
        [self = shared_from_this(), request](error_code error) {
          if (error) return;
          self->OnReply(request,
                        ErrorResponse(MakeError(
                            ErrorCode::kTimeout,
                            "the server did not answer in time; what was asked "
                            "for may still happen")));
        });
  }

  void Deny(const absl::Status& status, int64_t wait_seconds) {
    HttpResponse response = ErrorResponse(status);
    response.retry_after_seconds = wait_seconds;
    OnReply(requests_, std::move(response));
  }

  void Handle(const server::Caller& caller) {
    const auto& message = parser_->get();
    owner_->Handle(
        this,
        {.method = View(message.method_string()),
         .target = View(message.target()),
         .body = message.body(),
         .wants_json =
             absl::StrContains(View(message[http::field::accept]), "json"),
         .content_type = View(message[http::field::content_type])},
        caller,
        [weak = weak_from_this(), request = requests_,
         anonymous = caller.anonymous](HttpResponse response) {
          if (const auto self = weak.lock()) {
            if (anonymous && response.status == 401 && self->Awaits(request)) {
              self->owner_->OnBadProof(self->listener_.address);
            }
            self->OnReply(request, std::move(response));
          }
        });
  }

  static bool IsStale(const Parser::value_type& message) {
    return ApiRouter::IsLocalRead(View(message.method_string()),
                                  View(message.target()));
  }

  // Empty when there is none. Of the Basic scheme, the whole header.
  static absl::string_view TokenOf(const Parser::value_type& message) {
    absl::string_view header = View(message[http::field::authorization]);
    constexpr absl::string_view kScheme = "bearer ";
    if (absl::StartsWithIgnoreCase(header, kScheme)) {
      header.remove_prefix(kScheme.size());
    } else if (!absl::StartsWithIgnoreCase(header, "basic ")) {
      header = View(message["X-Nomad-Token"]);
    }
    return absl::StripAsciiWhitespace(header);
  }

  // A reply after the 504, or after the end, finds another number or no owner.
  bool Awaits(uint64_t request) const {
    return owner_ != nullptr && awaiting_reply_ && request == requests_;
  }

  void OnReply(uint64_t request, HttpResponse response) {
    if (!Awaits(request)) return;
    StopWaiting();
    Write(std::move(response));
  }

  void StopWaiting() {
    awaiting_reply_ = false;
    reply_timer_.cancel();
  }

  void Write(HttpResponse response) {
    constexpr unsigned kHttp11 = 11;
    response_ = Response(static_cast<http::status>(response.status), kHttp11);
    response_.set(http::field::server, Beast(absl::StrCat("jacod/", kVersion)));
    if (!response.body.empty()) {
      response_.set(http::field::content_type, Beast(response.content_type));
    }
    if (!response.digest.empty()) {
      response_.set("Digest", Beast(response.digest));
    }
    if (!response.allow.empty()) {
      response_.set(http::field::allow, Beast(response.allow));
    }
    if (response.status == 401) {
      response_.set(http::field::www_authenticate, "Bearer");
      response_.insert(http::field::www_authenticate,
                       "Basic realm=\"jaco\", charset=\"UTF-8\"");
    }
    if (response.retry_after_seconds > 0) {
      response_.set(http::field::retry_after,
                    Beast(absl::StrCat(response.retry_after_seconds)));
    }
    response_.keep_alive(keep_alive_);
    response_.body() = std::move(response.body);
    response_.prepare_payload();
    // The length is that of the body which is not sent (RFC 9110 §9.3.2).
    if (head_only_) response_.body().clear();
    idle_ = false;
    stream_->expires_after(
        Chrono(archive_ ? options_.archive_timeout : options_.write_timeout));
    http::async_write(stream_, response_,
                      [self = shared_from_this()](error_code error, size_t) {
                        if (self->owner_ == nullptr) return;
                        if (error) return self->End();
                        self->keep_alive_ ? self->AwaitRequest()
                                          : self->Linger();
                      });
  }

  // Closing a socket that has unread bytes resets it, and the client may lose
  // the answer that says why.
  void Linger() {
    idle_ = true;
    response_ = {};
    parser_.reset();
    archive_place_.reset();
    buffer_.clear();
    stream_->expires_after(Chrono(options_.linger_timeout));
    if (!stream_.secure()) return ShutDown();
    // Says that the answer is whole; then goes on as without TLS, because what
    // the client still sends need not be understood.
    stream_.async_shutdown([self = shared_from_this()](error_code) {
      ERR_clear_error();
      if (self->owner_ != nullptr) self->ShutDown();
    });
  }

  void ShutDown() {
    error_code ignored;
    stream_->socket().shutdown(asio::socket_base::shutdown_send, ignored);
    Drain();
  }

  void Drain() {
    constexpr size_t kDrainBytes = 64 << 10;
    buffer_.clear();
    stream_->async_read_some(
        buffer_.prepare(kDrainBytes),
        [self = shared_from_this()](error_code error, size_t) {
          if (self->owner_ == nullptr) return;
          error ? self->End() : self->Drain();
        });
  }

  void End() {
    auto on_end = std::move(on_end_);
    Close();
    on_end(this);
  }

  const HttpServerOptions options_;
  HttpSessionOwner* owner_;  // nullptr once closed
  HttpListener listener_;
  absl::AnyInvocable<void(HttpSession*)> on_end_;
  Stream stream_;
  asio::steady_timer reply_timer_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Response response_;
  HttpResponse refusal_;
  std::shared_ptr<void> archive_place_;  // while an archive takes room here
  uint64_t requests_ = 0;
  uint64_t body_bytes_max_ = 0;
  bool archive_ = false;  // the request is for, or with, an archive
  bool idle_ = false;
  bool awaiting_reply_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;
};

}  // namespace

std::shared_ptr<HttpSession> MakeHttpSession(
    HttpSocket socket, HttpSessionOwner* owner, HttpListener listener,
    absl::AnyInvocable<void(HttpSession*)> on_end) {
  return std::make_shared<Session>(std::move(socket), owner,
                                   std::move(listener), std::move(on_end));
}

}  // namespace jaco::net
