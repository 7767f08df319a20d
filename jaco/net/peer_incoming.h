#ifndef JACO_NET_PEER_INCOMING_H_
#define JACO_NET_PEER_INCOMING_H_

#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/base/time.h"
#include "jaco/env/network.h"
#include "jaco/net/peer_stream.h"
#include "jaco/net/sansio/frame_reader.h"

namespace jaco::net {

// A connection that a peer has made to us: frames come in, nothing goes out.
class PeerIncoming : public std::enable_shared_from_this<PeerIncoming> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // An error closes the connection.
    virtual absl::Status OnHello(PeerIncoming* connection,
                                 const PeerHello& hello) = 0;
    // May close the connection, or destroy the owner.
    virtual absl::Status OnFrame(env::PeerId from, absl::string_view frame) = 0;
    // The last call. `evidence`: the peer, not we, ended it.
    virtual void OnClosed(PeerIncoming* connection, absl::string_view reason,
                          bool evidence) = 0;
  };

  // `owner` is borrowed until OnClosed or Close.
  // `tls` as of PeerStream.
  PeerIncoming(PeerSocket socket, std::shared_ptr<TlsSetup> tls, Owner* owner);

  void Start(Duration handshake_timeout);
  // Whether `tls` trusts the peer, whose handshake is done.
  absl::Status CheckPeer(TlsSetup& tls) { return stream_.CheckPeer(tls); }
  // Ends the connection of a peer whom `tls` does not trust. Before its hello
  // the owner has yet to ask.
  void Recheck(TlsSetup& tls);
  // Ends the connection without a call of OnClosed.
  void Close();

  // 0 before the hello.
  env::PeerId sender() const;
  // See PeerStream.
  const env::NodeNames* peer() const { return stream_.peer(); }
  const std::string& remote() const { return remote_; }

 private:
  void Read();
  void OnBytes();
  void End(absl::string_view reason, bool evidence);

  PeerStream stream_;
  Owner* owner_;  // nullptr once closed
  std::string remote_;
  boost::asio::steady_timer handshake_timer_;
  bool greeted_ = false;
  FrameReader reader_;
};

}  // namespace jaco::net

#endif  // JACO_NET_PEER_INCOMING_H_
