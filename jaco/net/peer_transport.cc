#include "jaco/net/peer_transport.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/net/peer_incoming.h"
#include "jaco/net/peer_outgoing.h"
#include "jaco/net/peer_stream.h"
#include "jaco/net/sansio/counted_log.h"
#include "jaco/net/tcp_listen.h"
#include "jaco/net/tls_identity.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// After a failed accept (no descriptors left): try again, not at once.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

}  // namespace

// Shared with the handlers of the context, which may outlive the transport;
// after Close they find nothing to do.
class PeerTransport::Impl final : public PeerIncoming::Owner,
                                  public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, Logger* logger, Prng prng, Self self,
       PeerTransportOptions options)
      : context_(context),
        logger_(logger),
        prng_(prng),
        self_(std::move(self)),
        options_(options),
        acceptor_(context),
        accept_timer_(context),
        refusals_(logger, LogLevel::kWarning, "net"),
        strangers_(logger, LogLevel::kWarning, "net") {
    JACO_CHECK((options.tls != nullptr) != options.plaintext_for_tests);
  }

  absl::Status Listen(absl::string_view host_port);
  uint16_t port() const { return port_; }
  uint64_t refused() const { return refusals_.count() + strangers_.count(); }
  void Send(const env::PeerAddress& to, env::FramePtr frame);
  void Bind(env::FrameReceiver* receiver) { receiver_ = receiver; }
  void OnCredentials();
  void Close();

  absl::Status OnHello(PeerIncoming* connection,
                       const PeerHello& hello) override;
  absl::Status OnFrame(env::PeerId from, absl::string_view frame) override;
  void OnClosed(PeerIncoming* connection, absl::string_view reason,
                bool evidence) override;

 private:
  void Accept();
  void OnAccepted(PeerSocket socket);
  void MakeRoomForAStranger();
  absl::Status CheckHello(PeerIncoming& connection, const PeerHello& hello);
  absl::Status CheckAdmitted(env::PeerId peer);
  // `log` is one of the two below.
  void Refused(CountedLog& log, absl::string_view kind,
               absl::string_view message);
  void SendToSelf(env::PeerId self, env::FramePtr frame);
  PeerOutgoing& OutgoingTo(const env::PeerAddress& to);
  void OnPeerDown(env::PeerId peer);

  asio::io_context& context_;
  Logger* logger_;
  Prng prng_;
  Self self_;
  const PeerTransportOptions options_;
  TcpAcceptor acceptor_;
  asio::steady_timer accept_timer_;
  uint16_t port_ = 0;
  bool closed_ = false;
  bool accept_failing_ = false;  // said once an outage
  CountedLog refusals_;          // of those with a certificate of this cluster
  CountedLog strangers_;         // of all others
  env::FrameReceiver* receiver_ = nullptr;
  std::map<env::PeerId, std::shared_ptr<PeerOutgoing>> outgoing_;
  // By age.
  std::list<std::shared_ptr<PeerIncoming>> incoming_;
};

absl::Status PeerTransport::Impl::Listen(absl::string_view host_port) {
  const auto port = net::Listen(host_port, acceptor_);
  if (!port.ok()) return port.status();
  port_ = *port;
  Accept();
  return absl::OkStatus();
}

void PeerTransport::Impl::Accept() {
  acceptor_.async_accept(
      [self = shared_from_this()](error_code error, PeerSocket socket) {
        if (self->closed_) return;
        if (!error) {
          self->accept_failing_ = false;
          self->OnAccepted(std::move(socket));
          return self->Accept();
        }
        if (!std::exchange(self->accept_failing_, true)) {
          self->logger_->Write(LogLevel::kWarning, "net",
                               absl::StrCat("cannot accept connections: ",
                                            error.message(), "; trying on"));
        }
        self->accept_timer_.expires_after(kAcceptPause);
        self->accept_timer_.async_wait([self](error_code) {
          if (!self->closed_) self->Accept();
        });
      });
}

void PeerTransport::Impl::OnAccepted(PeerSocket socket) {
  const std::shared_ptr<TlsSetup> tls =
      options_.tls == nullptr ? nullptr : options_.tls->current();
  if (tls == nullptr && !options_.plaintext_for_tests) {
    constexpr absl::string_view kWhy =
        "refused a peer connection: no certificate yet";
    return Refused(strangers_, kWhy, kWhy);
  }
  MakeRoomForAStranger();
  const auto connection =
      std::make_shared<PeerIncoming>(std::move(socket), tls, this);
  incoming_.push_back(connection);
  connection->Start(options_.handshake_timeout);
}

void PeerTransport::Impl::MakeRoomForAStranger() {
  const auto is_stranger = [](const auto& c) { return c->sender() == 0; };
  const auto strangers = static_cast<size_t>(
      std::count_if(incoming_.begin(), incoming_.end(), is_stranger));
  if (strangers < options_.strangers_max) return;
  const auto oldest =
      std::find_if(incoming_.begin(), incoming_.end(), is_stranger);
  (*oldest)->Close();
  constexpr absl::string_view kWhy = "too many do not say who they are";
  Refused(strangers_, kWhy,
          absl::StrCat("closed the connection from ", (*oldest)->remote(), ": ",
                       kWhy));
  incoming_.erase(oldest);
}

void PeerTransport::Impl::Refused(CountedLog& log, absl::string_view kind,
                                  absl::string_view message) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  log.Write(Instant::FromNanoseconds(std::chrono::nanoseconds(now).count()),
            kind, message);
}

absl::Status PeerTransport::Impl::OnHello(PeerIncoming* connection,
                                          const PeerHello& hello) {
  absl::Status status = CheckHello(*connection, hello);
  if (!status.ok()) return status;
  // A peer has one connection to us; the newest is the one that it uses.
  size_t peers = 0;
  for (auto it = incoming_.begin(); it != incoming_.end();) {
    const bool older =
        it->get() != connection && (*it)->sender() == hello.sender;
    if (older) (*it)->Close();
    if ((*it)->sender() != 0 && !older) ++peers;
    it = older ? incoming_.erase(it) : std::next(it);
  }
  if (peers > options_.incoming_max) {
    return MakeError(
        ErrorCode::kRateLimited,
        absl::StrCat(options_.incoming_max, " connections of peers are open"));
  }
  const auto outgoing = outgoing_.find(hello.sender);
  if (outgoing != outgoing_.end()) outgoing->second->Encourage();
  return absl::OkStatus();
}

absl::Status PeerTransport::Impl::CheckHello(PeerIncoming& connection,
                                             const PeerHello& hello) {
  // Whom we trust may have changed since the handshake began.
  const auto tls = options_.tls == nullptr ? nullptr : options_.tls->current();
  if (tls != nullptr) {
    const absl::Status trusted = connection.CheckPeer(*tls);
    if (!trusted.ok()) return trusted;
  }
  const env::NodeNames* const peer = connection.peer();
  if (peer != nullptr && peer->node_id != hello.sender) {
    return MakeError(ErrorCode::kPeerUntrusted,
                     absl::StrCat("peer claims to be ", hello.sender,
                                  ", its certificate is of ", peer->node_name,
                                  ", ", peer->node_id));
  }
  const PeerHello self = self_();
  if (hello.sender == self.sender) {
    return MakeError(ErrorCode::kPeerUntrusted,
                     absl::StrCat("peer claims our own id ", self.sender,
                                  ": is its data directory a copy of ours?"));
  }
  if (hello.cluster != 0 && self.cluster != 0 &&
      hello.cluster != self.cluster) {
    return MakeError(
        ErrorCode::kPeerUntrusted,
        absl::StrCat("peer ", hello.sender, " belongs to another cluster"));
  }
  return CheckAdmitted(hello.sender);
}

absl::Status PeerTransport::Impl::CheckAdmitted(env::PeerId peer) {
  if (receiver_ == nullptr || receiver_->Admits(peer)) return absl::OkStatus();
  return MakeError(
      ErrorCode::kPeerUntrusted,
      absl::StrCat("peer ", peer, " was removed from the cluster"));
}

absl::Status PeerTransport::Impl::OnFrame(env::PeerId from,
                                          absl::string_view frame) {
  absl::Status status = CheckAdmitted(from);
  if (status.ok() && receiver_ != nullptr) receiver_->OnFrame(from, frame);
  return status;
}

void PeerTransport::Impl::OnClosed(PeerIncoming* connection,
                                   absl::string_view reason, bool evidence) {
  const env::PeerId peer = connection->sender();
  const env::NodeNames* const names = connection->peer();
  const std::string message = absl::StrCat(
      "closed the connection from ", connection->remote(),
      names == nullptr ? "" : absl::StrCat(" (", names->node_name, ")"), ": ",
      reason);
  if (peer == 0 || !evidence) {
    Refused(names == nullptr ? strangers_ : refusals_, reason, message);
  } else {
    logger_->Write(LogLevel::kDebug, "net", message);
  }
  incoming_.remove_if(
      [connection](const auto& c) { return c.get() == connection; });
  if (evidence && peer != 0) OnPeerDown(peer);
}

void PeerTransport::Impl::OnPeerDown(env::PeerId peer) {
  if (receiver_ != nullptr) receiver_->OnPeerDown(peer);
}

void PeerTransport::Impl::Send(const env::PeerAddress& to,
                               env::FramePtr frame) {
  const env::PeerId self = self_().sender;
  if (to.id == self) return SendToSelf(self, std::move(frame));
  OutgoingTo(to).Send(std::move(frame));
}

void PeerTransport::Impl::SendToSelf(env::PeerId self, env::FramePtr frame) {
  asio::post(context_,
             [impl = shared_from_this(), self, frame = std::move(frame)] {
               impl->OnFrame(self, *frame).IgnoreError();
             });
}

PeerOutgoing& PeerTransport::Impl::OutgoingTo(const env::PeerAddress& to) {
  auto& outgoing = outgoing_[to.id];
  if (outgoing != nullptr && outgoing->address().host_port == to.host_port) {
    return *outgoing;
  }
  if (outgoing != nullptr) outgoing->Close();  // The peer has moved.
  outgoing = std::make_shared<PeerOutgoing>(
      context_, to, options_, Prng(prng_.Next()), logger_,
      PeerOutgoing::Callbacks{.self = [this] { return self_(); },
                              .down = [this, id = to.id] { OnPeerDown(id); }});
  return *outgoing;
}

void PeerTransport::Impl::OnCredentials() {
  const std::shared_ptr<TlsSetup> tls = options_.tls->current();
  const auto incoming = incoming_;  // Those that end leave the list.
  for (const auto& connection : incoming) connection->Recheck(*tls);
  for (const auto& [id, outgoing] : outgoing_) outgoing->Renew();
}

void PeerTransport::Impl::Close() {
  closed_ = true;
  receiver_ = nullptr;
  error_code ignored;
  acceptor_.close(ignored);
  accept_timer_.cancel();
  for (const auto& [id, outgoing] : outgoing_) outgoing->Close();
  for (const auto& connection : incoming_) connection->Close();
  outgoing_.clear();
  incoming_.clear();
}

PeerTransport::PeerTransport(asio::io_context& context, Logger* logger,
                             Prng prng, Self self, PeerTransportOptions options)
    : impl_(std::make_shared<Impl>(context, logger, prng, std::move(self),
                                   options)) {}

PeerTransport::~PeerTransport() { impl_->Close(); }

absl::Status PeerTransport::Listen(absl::string_view host_port) {
  return impl_->Listen(host_port);
}

uint16_t PeerTransport::port() const { return impl_->port(); }

uint64_t PeerTransport::refused() const { return impl_->refused(); }

void PeerTransport::Send(const env::PeerAddress& to, env::FramePtr frame) {
  impl_->Send(to, std::move(frame));
}

void PeerTransport::OnCredentials() { impl_->OnCredentials(); }

void PeerTransport::Bind(env::FrameReceiver* receiver) {
  impl_->Bind(receiver);
}

}  // namespace jaco::net
