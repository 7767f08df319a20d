#include "jaco/net/peer_incoming.h"

#include <boost/asio/buffer.hpp>
#include <chrono>
#include <utility>

#include "jaco/net/sansio/host_port.h"

namespace jaco::net {
namespace {

using boost::system::error_code;

std::string RemoteOf(PeerSocket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "unknown";
  return JoinHostPort(endpoint.address().to_string(), endpoint.port());
}

}  // namespace

PeerIncoming::PeerIncoming(PeerSocket socket, std::shared_ptr<TlsSetup> tls,
                           Owner* owner)
    : stream_(std::move(socket), std::move(tls)),
      owner_(owner),
      remote_(RemoteOf(stream_.socket())),
      handshake_timer_(stream_.get_executor()) {}

env::PeerId PeerIncoming::sender() const {
  return greeted_ ? reader_.hello()->sender : 0;
}

void PeerIncoming::Start(Duration handshake_timeout) {
  handshake_timer_.expires_after(
      std::chrono::nanoseconds(handshake_timeout.nanoseconds()));
  handshake_timer_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->greeted_) return;
    self->End("no handshake in time", false);
  });
  stream_.Handshake(PeerStream::Side::kAccepted,
                    [self = shared_from_this()](const absl::Status& status) {
                      if (self->owner_ == nullptr) return;
                      if (status.ok()) return self->Read();
                      self->End(std::string(status.message()), false);
                    });
}

void PeerIncoming::Read() {
  const absl::Span<char> space = reader_.Space();
  stream_.async_read_some(
      boost::asio::buffer(space.data(), space.size()),
      [self = shared_from_this()](error_code error, size_t size) {
        if (self->owner_ == nullptr) return;
        if (error) return self->End(error.message(), IsPeerGone(error));
        self->reader_.Commit(size);
        self->OnBytes();
      });
}

void PeerIncoming::OnBytes() {
  while (owner_ != nullptr) {
    const auto frame = reader_.Next();
    if (!frame.ok()) return End(std::string(frame.status().message()), false);
    if (!greeted_ && reader_.hello().has_value()) {
      greeted_ = true;
      handshake_timer_.cancel();
      const absl::Status status = owner_->OnHello(this, *reader_.hello());
      if (!status.ok()) return End(std::string(status.message()), false);
    }
    if (!frame->has_value()) return Read();
    const absl::Status taken =
        owner_->OnFrame(reader_.hello()->sender, **frame);
    if (!taken.ok()) return End(std::string(taken.message()), false);
  }
}

void PeerIncoming::Recheck(TlsSetup& tls) {
  if (!greeted_) return;
  const absl::Status status = CheckPeer(tls);
  if (!status.ok()) End(std::string(status.message()), false);
}

void PeerIncoming::End(absl::string_view reason, bool evidence) {
  Owner* const owner = owner_;
  if (owner == nullptr) return;
  Close();
  owner->OnClosed(this, reason, evidence);
}

void PeerIncoming::Close() {
  owner_ = nullptr;
  handshake_timer_.cancel();
  stream_.Close();
}

}  // namespace jaco::net
