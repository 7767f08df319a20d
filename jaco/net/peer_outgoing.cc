#include "jaco/net/peer_outgoing.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/net/sansio/host_port.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

// One write: enough for a burst, little enough that a slow peer's batch does
// not pin much memory on top of its queue.
constexpr size_t kBatchBytes = 1 << 20;
// Below this a copy is cheaper than a buffer of its own in the system call.
constexpr size_t kCopyBytesMax = 16 << 10;
// Until a connection that could not be replaced is tried again: what a clock
// does not allow yet, it does in minutes.
constexpr auto kRenewPause = std::chrono::seconds(60);
// A connection that lasted this long was a good one.
constexpr auto kGoodLink = std::chrono::seconds(1);
// However much a peer encourages: two peers that refuse each other must not
// dial in a tight loop.
constexpr auto kDialPause = std::chrono::milliseconds(100);

std::chrono::nanoseconds Chrono(Duration duration) {
  return std::chrono::nanoseconds(duration.nanoseconds());
}

}  // namespace

PeerOutgoing::PeerOutgoing(asio::io_context& context, env::PeerAddress address,
                           const PeerTransportOptions& options, Prng prng,
                           Logger* logger, Callbacks callbacks)
    : context_(context),
      address_(std::move(address)),
      options_(options),
      prng_(prng),
      logger_(logger),
      callbacks_(std::move(callbacks)),
      timer_(context),
      renew_timer_(context),
      backoff_(options.backoff_min) {}

void PeerOutgoing::Send(env::FramePtr frame) {
  if (queue_.size() >= options_.queue_frames_max ||
      queue_bytes_ + frame->size() > options_.queue_bytes_max) {
    return;
  }
  queue_bytes_ += frame->size();
  queue_.push_back(std::move(frame));
  ScheduleFlush();
}

// Later in this turn of the loop, so that everything which the turn sends
// leaves in one write.
void PeerOutgoing::ScheduleFlush() {
  if (flush_scheduled_) return;
  flush_scheduled_ = true;
  asio::post(context_, [self = shared_from_this()] {
    self->flush_scheduled_ = false;
    self->Flush();
  });
}

void PeerOutgoing::Flush() {
  if (closed_ || queue_.empty()) return;
  if (link_ != nullptr) {
    if (link_->connected && !link_->writing) WriteQueued(link_);
    return;
  }
  const auto now = Clock::now();
  if (now < not_before_) return WaitToDial(not_before_ - now);
  Dial();
}

void PeerOutgoing::WaitToDial(Clock::duration wait) {
  if (waiting_) return;
  waiting_ = true;
  timer_.expires_after(wait);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (error) return;
    self->waiting_ = false;
    self->Flush();
  });
}

void PeerOutgoing::Encourage() {
  not_before_ = std::min(not_before_, last_dial_ + kDialPause);
  if (!waiting_) return;
  waiting_ = false;
  timer_.cancel();
  Flush();
}

void PeerOutgoing::Renew() {
  if (closed_ || link_ == nullptr) return;
  CloseReplaced();
  renew_timer_.cancel();
  replaced_ = std::exchange(link_, nullptr);
  if (!replaced_->connected) CloseReplaced();
  Dial();
}

// The one before goes on where the new one was not to be had, if we would still
// take its peer for what it is: servers whose clocks differ may refuse each
// other's new certificates, and are no less themselves.
bool PeerOutgoing::GoOnWithReplaced(absl::string_view reason) {
  if (replaced_ == nullptr || options_.tls == nullptr) return false;
  const std::shared_ptr<TlsSetup> tls = options_.tls->current();
  if (tls == nullptr || !replaced_->stream.CheckPeer(*tls).ok()) return false;
  if (logger_->Enabled(LogLevel::kInfo)) {
    logger_->Write(LogLevel::kInfo, "net",
                   absl::StrCat("no new connection to peer ", address_.id,
                                " at ", address_.host_port, ": ", reason,
                                "; the old one goes on"));
  }
  link_->stream.Close();
  link_ = std::exchange(replaced_, nullptr);
  timer_.cancel();
  renew_timer_.expires_after(kRenewPause);
  renew_timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->Renew();
  });
  ScheduleFlush();
  return true;
}

void PeerOutgoing::CloseReplaced() {
  if (replaced_ != nullptr) replaced_->stream.Close();
  replaced_ = nullptr;
}

void PeerOutgoing::Dial() {
  last_dial_ = Clock::now();
  const std::shared_ptr<TlsSetup> tls =
      options_.tls == nullptr ? nullptr : options_.tls->current();
  const LinkPtr link = std::make_shared<Link>(context_, tls);
  link_ = link;
  if (tls == nullptr && !options_.plaintext_for_tests) {
    return OnEnd(link, "this server has no certificate yet", false);
  }
  timer_.expires_after(Chrono(options_.connect_timeout));
  timer_.async_wait([self = shared_from_this(), link](error_code error) {
    if (error || link->connected) return;
    self->OnEnd(link, "no answer", /*evidence=*/false);
  });
  const auto target = ParseHostPort(address_.host_port);
  if (!target.ok()) {
    return OnEnd(link, std::string(target.status().message()), false);
  }
  error_code not_numeric;
  const auto ip = asio::ip::make_address(target->host, not_numeric);
  if (not_numeric) return Resolve(link, target->host, target->port);
  Connect(link, Tcp::endpoint(ip, target->port));
}

void PeerOutgoing::Resolve(const LinkPtr& link, const std::string& host,
                           uint16_t port) {
  auto resolver = std::make_shared<Tcp::resolver>(context_);
  resolver->async_resolve(
      host, absl::StrCat(port),
      [self = shared_from_this(), link, resolver](
          error_code error, const Tcp::resolver::results_type& results) {
        if (self->link_ != link) return;
        if (error || results.empty()) return self->OnError(link, error);
        self->Connect(link, results.begin()->endpoint());
      });
}

void PeerOutgoing::Connect(const LinkPtr& link, const Tcp::endpoint& to) {
  link->stream.socket().async_connect(
      to, [self = shared_from_this(), link](error_code error) {
        if (self->link_ != link) return;
        if (error) return self->OnError(link, error);
        self->Handshake(link);
      });
}

void PeerOutgoing::Handshake(const LinkPtr& link) {
  link->stream.Handshake(
      PeerStream::Side::kDialled,
      [self = shared_from_this(), link](const absl::Status& status) {
        if (self->link_ == link) self->OnHandshake(link, status);
      });
}

// What listens at the address need not be the peer that we mean.
void PeerOutgoing::OnHandshake(const LinkPtr& link,
                               const absl::Status& status) {
  if (!status.ok()) return OnEnd(link, std::string(status.message()), false);
  const env::NodeNames* const peer = link->stream.peer();
  if (peer != nullptr && peer->node_id != address_.id) {
    return OnEnd(link,
                 absl::StrCat("its certificate is of ", peer->node_name, ", ",
                              peer->node_id),
                 false);
  }
  OnConnected(link);
}

void PeerOutgoing::OnConnected(const LinkPtr& link) {
  timer_.cancel();
  link->connected = true;
  link->connected_at = Clock::now();
  link->staging = EncodeHello(callbacks_.self());
  if (logger_->Enabled(LogLevel::kDebug)) {
    logger_->Write(LogLevel::kDebug, "net",
                   absl::StrCat("connected to peer ", address_.id, " at ",
                                address_.host_port));
  }
  WatchForEnd(link);
  WriteQueued(link);
}

// The only way to learn at once that the peer's process has gone.
void PeerOutgoing::WatchForEnd(const LinkPtr& link) {
  link->stream.async_read_some(
      asio::buffer(&link->unexpected, 1),
      [self = shared_from_this(), link](error_code error, size_t) {
        if (self->replaced_ == link) self->CloseReplaced();
        if (self->link_ != link) return;
        if (error) return self->OnError(link, error);
        self->OnEnd(link, "it talks out of turn", false);
      });
}

void PeerOutgoing::TakeBatch(Link& link) {
  size_t bytes = 0;
  while (!queue_.empty() && bytes < kBatchBytes) {
    const env::FramePtr frame = std::move(queue_.front());
    queue_.pop_front();
    bytes += frame->size();
    AppendFrameHeader(frame->size(), &link.staging);
    if (frame->size() <= kCopyBytesMax) {
      link.staging.append(*frame);
    } else {
      link.cuts.push_back(link.staging.size());
      link.large.push_back(frame);
    }
  }
  queue_bytes_ -= bytes;
}

void PeerOutgoing::WriteQueued(const LinkPtr& link) {
  TakeBatch(*link);
  std::vector<asio::const_buffer> buffers;
  size_t begin = 0;
  for (size_t i = 0; i < link->cuts.size(); ++i) {
    const size_t end = link->cuts[i];
    buffers.push_back(asio::buffer(link->staging.data() + begin, end - begin));
    buffers.push_back(asio::buffer(*link->large[i]));
    begin = end;
  }
  buffers.push_back(
      asio::buffer(link->staging.data() + begin, link->staging.size() - begin));
  link->writing = true;
  asio::async_write(
      link->stream, std::move(buffers),
      [self = shared_from_this(), link](error_code error, size_t) {
        link->writing = false;
        link->staging.clear();
        link->large.clear();
        link->cuts.clear();
        if (self->link_ != link) return;
        if (error) return self->OnError(link, error);
        self->Flush();
      });
}

void PeerOutgoing::OnError(const LinkPtr& link, error_code error) {
  OnEnd(link, error.message(), IsPeerGone(error));
}

void PeerOutgoing::OnEnd(const LinkPtr& link, absl::string_view reason,
                         bool evidence) {
  if (link_ != link || GoOnWithReplaced(reason)) return;
  const auto now = Clock::now();
  if (link->connected && now - link->connected_at >= kGoodLink) {
    backoff_ = options_.backoff_min;
    reported_ = false;
  }
  not_before_ = now + Chrono(prng_.Between(backoff_ / 2, backoff_));
  backoff_ = std::min(backoff_ * 2, options_.backoff_max);
  // Once an outage: a dead peer must not fill the log.
  const LogLevel level = reported_ ? LogLevel::kDebug : LogLevel::kInfo;
  if (logger_->Enabled(level)) {
    logger_->Write(level, "net",
                   absl::StrCat("lost peer ", address_.id, " at ",
                                address_.host_port, ": ", reason));
  }
  reported_ = true;
  link->stream.Close();
  link_ = nullptr;
  CloseReplaced();
  timer_.cancel();
  renew_timer_.cancel();
  queue_.clear();
  queue_bytes_ = 0;
  if (evidence) callbacks_.down();
}

void PeerOutgoing::Close() {
  closed_ = true;
  timer_.cancel();
  renew_timer_.cancel();
  if (link_ != nullptr) link_->stream.Close();
  link_ = nullptr;
  CloseReplaced();
  queue_.clear();
  // They may own what this object's owner is about to destroy.
  callbacks_ = {};
}

}  // namespace jaco::net
