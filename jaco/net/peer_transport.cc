#include "jaco/net/peer_transport.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/peer_incoming.h"
#include "jaco/net/peer_outgoing.h"
#include "jaco/net/peer_stream.h"
#include "jaco/net/sansio/host_port.h"

namespace jaco::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Acceptor = asio::basic_socket_acceptor<Tcp, LoopExecutor>;

// After a failed accept (no descriptors left): try again, not at once.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

absl::Status ListenError(absl::string_view host_port, const error_code& error) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot listen on ", host_port, ": ", error.message()));
}

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
        accept_timer_(context) {}

  absl::Status Listen(absl::string_view host_port);
  uint16_t port() const { return port_; }
  void Send(const env::PeerAddress& to, env::FramePtr frame);
  void Bind(env::FrameReceiver* receiver) { receiver_ = receiver; }
  void Close();

  absl::Status OnHello(PeerIncoming* connection,
                       const PeerHello& hello) override;
  void OnFrame(env::PeerId from, absl::string_view frame) override;
  void OnClosed(PeerIncoming* connection, absl::string_view reason,
                bool evidence) override;

 private:
  void Accept();
  void OnAccepted(PeerStream stream);
  void SendToSelf(env::PeerId self, env::FramePtr frame);
  PeerOutgoing& OutgoingTo(const env::PeerAddress& to);
  void OnPeerDown(env::PeerId peer);

  asio::io_context& context_;
  Logger* logger_;
  Prng prng_;
  Self self_;
  const PeerTransportOptions options_;
  Acceptor acceptor_;
  asio::steady_timer accept_timer_;
  uint16_t port_ = 0;
  bool closed_ = false;
  env::FrameReceiver* receiver_ = nullptr;
  std::map<env::PeerId, std::shared_ptr<PeerOutgoing>> outgoing_;
  std::map<PeerIncoming*, std::shared_ptr<PeerIncoming>> incoming_;
};

absl::Status PeerTransport::Impl::Listen(absl::string_view host_port) {
  const auto target = ParseHostPort(host_port);
  if (!target.ok()) return target.status();
  error_code error;
  const auto ip = asio::ip::make_address(target->host, error);
  if (error) return ListenError(host_port, error);
  const Tcp::endpoint endpoint(ip, target->port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(Acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error)
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  if (error) return ListenError(host_port, error);
  Accept();
  return absl::OkStatus();
}

void PeerTransport::Impl::Accept() {
  acceptor_.async_accept(
      [self = shared_from_this()](error_code error, PeerStream stream) {
        if (self->closed_) return;
        if (!error) {
          self->OnAccepted(std::move(stream));
          return self->Accept();
        }
        self->accept_timer_.expires_after(kAcceptPause);
        self->accept_timer_.async_wait([self](error_code) {
          if (!self->closed_) self->Accept();
        });
      });
}

void PeerTransport::Impl::OnAccepted(PeerStream stream) {
  if (incoming_.size() >= options_.incoming_max) {
    logger_->Write(LogLevel::kWarning, "net",
                   absl::StrCat("refused a peer connection: ",
                                options_.incoming_max, " are open"));
    return;  // Closes it.
  }
  const auto connection =
      std::make_shared<PeerIncoming>(std::move(stream), this);
  incoming_.emplace(connection.get(), connection);
  connection->Start(options_.handshake_timeout);
}

absl::Status PeerTransport::Impl::OnHello(PeerIncoming* connection,
                                          const PeerHello& hello) {
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
  // A peer has one connection to us; the newest is the one that it uses.
  for (auto it = incoming_.begin(); it != incoming_.end();) {
    const bool older =
        it->first != connection && it->first->sender() == hello.sender;
    if (older) it->second->Close();
    it = older ? incoming_.erase(it) : std::next(it);
  }
  const auto outgoing = outgoing_.find(hello.sender);
  if (outgoing != outgoing_.end()) outgoing->second->Encourage();
  return absl::OkStatus();
}

void PeerTransport::Impl::OnFrame(env::PeerId from, absl::string_view frame) {
  if (receiver_ != nullptr) receiver_->OnFrame(from, frame);
}

void PeerTransport::Impl::OnClosed(PeerIncoming* connection,
                                   absl::string_view reason, bool evidence) {
  const env::PeerId peer = connection->sender();
  const LogLevel level = evidence ? LogLevel::kDebug : LogLevel::kWarning;
  if (logger_->Enabled(level)) {
    logger_->Write(level, "net",
                   absl::StrCat("closed the connection from ",
                                connection->remote(), ": ", reason));
  }
  incoming_.erase(connection);
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
               impl->OnFrame(self, *frame);
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

void PeerTransport::Impl::Close() {
  closed_ = true;
  receiver_ = nullptr;
  error_code ignored;
  acceptor_.close(ignored);
  accept_timer_.cancel();
  for (const auto& [id, outgoing] : outgoing_) outgoing->Close();
  for (const auto& [key, connection] : incoming_) connection->Close();
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

void PeerTransport::Send(const env::PeerAddress& to, env::FramePtr frame) {
  impl_->Send(to, std::move(frame));
}

void PeerTransport::Bind(env::FrameReceiver* receiver) {
  impl_->Bind(receiver);
}

}  // namespace jaco::net
