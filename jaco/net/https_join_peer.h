#ifndef JACO_NET_HTTPS_JOIN_PEER_H_
#define JACO_NET_HTTPS_JOIN_PEER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "jaco/env/event_loop.h"
#include "jaco/net/interrupt.h"
#include "jaco/server/join_peer.h"

namespace jaco::net {

// Asks over HTTPS, on a thread of its own: joins are rare, and a handshake with
// a server that does not answer takes its time.
class HttpsJoinPeer final : public server::JoinPeer {
 public:
  // `post` runs a task on the loop; from any thread, as long as this lives.
  using Post = std::function<void(absl::AnyInvocable<void()>)>;

  explicit HttpsJoinPeer(Post post) : post_(std::move(post)) {}
  // Interrupts the calls that are under way.
  ~HttpsJoinPeer() override;

  // See JoinPeer. One at a time.
  void Admit(const std::string& peer, const std::string& authority_fingerprint,
             const std::string& join_token, server::AdmitRequest request,
             server::Reply<server::AdmitResponse> reply) override;
  // One at a time, too, and besides an Admit.
  void Converse(const std::string& peer,
                std::shared_ptr<server::PasswordConversation> conversation,
                absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  const Post post_;
  Interrupt interrupt_;
  std::thread thread_, conversation_;
};

}  // namespace jaco::net

#endif  // JACO_NET_HTTPS_JOIN_PEER_H_
