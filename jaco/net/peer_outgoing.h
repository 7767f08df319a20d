#ifndef JACO_NET_PEER_OUTGOING_H_
#define JACO_NET_PEER_OUTGOING_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"
#include "jaco/base/prng.h"
#include "jaco/env/network.h"
#include "jaco/net/peer_stream.h"
#include "jaco/net/peer_transport_options.h"
#include "jaco/net/sansio/frame_reader.h"

namespace jaco::net {

// The way to one peer: a bounded queue of frames and the connection that
// empties it. Dials when there is something to send, redials with backoff.
// Frames that a broken connection leaves behind are dropped: they are old, and
// the protocol above repeats what matters. An idle one sets no timer.
class PeerOutgoing : public std::enable_shared_from_this<PeerOutgoing> {
 public:
  struct Callbacks {
    // Who we are, asked for when a connection is made.
    absl::AnyInvocable<PeerHello()> self;
    // The connection was reset or refused.
    absl::AnyInvocable<void()> down;
  };

  PeerOutgoing(boost::asio::io_context& context, env::PeerAddress address,
               const PeerTransportOptions& options, Prng prng, Logger* logger,
               Callbacks callbacks);

  const env::PeerAddress& address() const { return address_; }

  void Send(env::FramePtr frame);
  // The peer has just shown that it lives: a dial that waits need not.
  void Encourage();
  // Dials anew with the credentials in force. What has been written still
  // arrives: the peer ends the old connection when it has the new one. Goes on
  // with the old one, and tries again in a minute, when there is no new one.
  void Renew();
  // Ends everything; no callback runs any more.
  void Close();

 private:
  using Clock = std::chrono::steady_clock;

  // One connection. Shared by its handlers, so that a late one finds the stream
  // and the buffers it was given.
  struct Link {
    Link(boost::asio::io_context& context, std::shared_ptr<TlsSetup> tls)
        : stream(PeerSocket(context), std::move(tls)) {}
    PeerStream stream;
    bool connected = false;
    bool writing = false;
    Clock::time_point connected_at;
    std::string staging;               // headers and small frames
    std::vector<env::FramePtr> large;  // sent from where they are
    std::vector<size_t> cuts;          // large[i] goes at staging[cuts[i]]
    char unexpected = 0;               // peers do not answer on this stream
  };
  using LinkPtr = std::shared_ptr<Link>;

  void ScheduleFlush();
  void Flush();
  void WaitToDial(Clock::duration wait);
  void Dial();
  void Resolve(const LinkPtr& link, const std::string& host, uint16_t port);
  void Connect(const LinkPtr& link, const boost::asio::ip::tcp::endpoint& to);
  void Handshake(const LinkPtr& link);
  void OnHandshake(const LinkPtr& link, const absl::Status& status);
  void OnConnected(const LinkPtr& link);
  void WatchForEnd(const LinkPtr& link);
  void WriteQueued(const LinkPtr& link);
  void TakeBatch(Link& link);
  void OnEnd(const LinkPtr& link, absl::string_view reason, bool evidence);
  void OnError(const LinkPtr& link, boost::system::error_code error);
  bool GoOnWithReplaced(absl::string_view reason);
  void CloseReplaced();

  boost::asio::io_context& context_;
  const env::PeerAddress address_;
  const PeerTransportOptions options_;
  Prng prng_;
  Logger* logger_;
  Callbacks callbacks_;

  std::deque<env::FramePtr> queue_;
  size_t queue_bytes_ = 0;
  bool flush_scheduled_ = false;
  bool closed_ = false;
  bool reported_ = false;  // that the peer cannot be reached

  LinkPtr link_;
  LinkPtr replaced_;  // by link_; nothing is written to it meanwhile
  boost::asio::steady_timer timer_;  // of the dial that waits or runs
  boost::asio::steady_timer renew_timer_;
  bool waiting_ = false;
  Duration backoff_;
  Clock::time_point last_dial_;
  Clock::time_point not_before_;
};

}  // namespace jaco::net

#endif  // JACO_NET_PEER_OUTGOING_H_
