#include "jaco/net/http_session.h"

#include <openssl/err.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/http_messages.h"
#include "jaco/net/http_request_reader.h"
#include "jaco/net/http_stream.h"
#include "jaco/net/sansio/http_error.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

// When to ask again who was told that there is another archive.
constexpr int64_t kArchiveRetrySeconds = 5;

std::chrono::nanoseconds Chrono(Duration duration) {
  return std::chrono::nanoseconds(duration.nanoseconds());
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
        known_(listener_.authenticate == nullptr) {}

  void Start() override {
    Handshake([](Session& self) { self.AwaitRequest(); });
  }

  void Refuse(HttpResponse response) override {
    keep_alive_ = false;
    refusal_ = std::move(response);
    Handshake([](Session& self) { self.Write(std::move(self.refusal_)); });
  }

  bool idle() const override { return idle_; }
  bool known() const override { return known_; }
  const std::string& address() const override { return listener_.address; }

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
    stream_->expires_after(Chrono(options_.handshake_timeout));
    stream_.async_handshake([self = shared_from_this(),
                             next](error_code error) {
      ERR_clear_error();
      if (self->owner_ == nullptr) return;
      if (error) {
        self->owner_->OnTurnedAway(self->listener_.address, error.message());
        return self->End();
      }
      next(*self);
    });
  }

  // An idle connection may be long silent; one that has begun a request may
  // not. Pipelined bytes are in the buffer already.
  void AwaitRequest() {
    response_ = {};
    archive_place_.reset();
    head_only_ = false;
    reader_.Begin();
    if (reader_.buffer().size() > 0) return ReadHeader();
    idle_ = true;
    stream_->expires_after(Chrono(options_.idle_timeout));
    stream_.async_read_some(
        reader_.Space(),
        [self = shared_from_this()](error_code error, size_t size) {
          if (self->owner_ == nullptr) return;
          if (error) return self->End();
          self->idle_ = false;
          self->reader_.Commit(size);
          self->ReadHeader();
        });
  }

  void ReadHeader() {
    stream_->expires_after(Chrono(options_.header_timeout));
    Read(&HttpRequestReader::ParseHeader, &Session::OnHeader);
  }

  // Reads until `parse` is content, and goes on with `next`.
  void Read(error_code (HttpRequestReader::*parse)(), void (Session::*next)()) {
    const error_code parsed = (reader_.*parse)();
    if (!parsed) return (this->*next)();
    if (parsed != http::error::need_more) return OnReadError(parsed);
    stream_.async_read_some(reader_.Space(),
                            [self = shared_from_this(), parse, next](
                                error_code error, size_t size) {
                              if (self->owner_ == nullptr) return;
                              if (error) return self->OnReadError(error);
                              self->reader_.Commit(size);
                              self->Read(parse, next);
                            });
  }

  void OnHeader() {
    head_only_ = reader_.message().method() == http::verb::head;
    reader_.BodyIsHere() && !reader_.archive() ? OnWelcome() : CheckCaller();
  }

  // Strangers may not make us read bodies. Who asks is found out again when it
  // has been read: that may take long enough for a token to be revoked.
  void CheckCaller() {
    keep_alive_ = false;  // the body is unread
    Identify([](Session& self, absl::StatusOr<server::Caller> caller,
                int64_t wait_seconds) {
      if (caller.ok() && self.reader_.archive() && !caller->privileged) {
        caller = MakeError(ErrorCode::kPermissionDenied,
                           "a privileged token is needed (`jaco token issue "
                           "--allow-privileged`), or the unix socket");
      }
      if (!caller.ok()) return self.Deny(caller.status(), wait_seconds);
      if (self.reader_.archive() && !self.TakeArchivePlace()) return;
      self.StopWaiting();
      self.OnWelcome();
    });
  }

  // False: it was refused.
  bool TakeArchivePlace() {
    archive_place_ = owner_->TakeArchivePlace();
    if (archive_place_ != nullptr) return true;
    Deny(MakeError(ErrorCode::kRateLimited,
                   "another backup, snapshot or restore is under way on this "
                   "server; retry when it is through"),
         kArchiveRetrySeconds);
    return false;
  }

  // `limit`, unless an archive takes longer.
  std::chrono::nanoseconds TimeLimit(Duration limit) const {
    return Chrono(reader_.archive() ? options_.archive_timeout : limit);
  }

  void OnWelcome() {
    if (!reader_.ExpectBody(known_)) {
      keep_alive_ = false;
      return Write(BodyTooLargeResponse(reader_.body_bytes_max()));
    }
    stream_->expires_after(TimeLimit(options_.request_timeout));
    if (!AwaitsContinue(reader_.message())) return ReadBody();
    static constexpr absl::string_view kContinue =
        "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = shared_from_this()](error_code error, size_t) {
                        if (self->owner_ == nullptr) return;
                        if (error) return self->End();
                        self->ReadBody();
                      });
  }

  // Not at once: whoever calls may be in the midst of telling who asks.
  void ReadBody() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->owner_ == nullptr) return;
      self->Read(&HttpRequestReader::ParseBody, &Session::Dispatch);
    });
  }

  void OnReadError(error_code error) {
    if (error == boost::beast::error::timeout) {
      owner_->OnTurnedAway(listener_.address, "its request took too long");
    }
    if (!IsParseError(error)) return End();  // Gone, or too slow.
    keep_alive_ = false;
    Write(ParseErrorResponse(error, options_.header_bytes_max,
                             reader_.body_bytes_max()));
  }

  void Dispatch() {
    keep_alive_ = reader_.message().keep_alive();
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
      known_ = true;
      return next(*this,
                  server::Caller{.identity = "bootstrap_key",
                                 .bootstrap_peer = true,
                                 .address = listener_.address},
                  0);
    }
    if (owner_->IsOpenTarget(TargetOf(reader_.message()))) {
      return Welcome(next);
    }
    owner_->Identify(
        *listener_.authenticate, listener_.address, TokenOf(reader_.message()),
        IsLocalRead(reader_.message()),
        [weak = weak_from_this(), request, next](
            absl::StatusOr<server::Caller> caller, int64_t wait_seconds) {
          const auto self = weak.lock();
          if (self == nullptr || !self->Awaits(request)) return;
          self->known_ = caller.ok();
          if (caller.ok()) caller->address = self->listener_.address;
          next(*self, std::move(caller), wait_seconds);
        });
  }

  // Anybody, but not those who have failed too often.
  void Welcome(Identified next) {
    known_ = false;
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
    reply_timer_.expires_after(TimeLimit(options_.reply_timeout));
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
    owner_->Handle(
        this, RequestOf(reader_.message()), caller,
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
    response_ = EncodeResponse(std::move(response), keep_alive_, head_only_);
    idle_ = false;
    stream_->expires_after(TimeLimit(options_.write_timeout));
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
    archive_place_.reset();
    reader_.End();
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
    reader_.buffer().clear();
    reader_.buffer().max_size(kDrainBytes);
    stream_->async_read_some(
        reader_.buffer().prepare(kDrainBytes),
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
  HttpStream stream_;
  asio::steady_timer reply_timer_;
  HttpRequestReader reader_{options_};
  HttpWireResponse response_;
  HttpResponse refusal_;
  std::shared_ptr<void> archive_place_;  // while an archive takes room here
  uint64_t requests_ = 0;
  bool idle_ = false;
  bool known_;
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
