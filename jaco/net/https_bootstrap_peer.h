#ifndef JACO_NET_HTTPS_BOOTSTRAP_PEER_H_
#define JACO_NET_HTTPS_BOOTSTRAP_PEER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "jaco/net/bootstrap_psk.h"
#include "jaco/net/interrupt.h"
#include "jaco/server/bootstrap_peer.h"

namespace jaco::net {

// Asks over HTTPS with the bootstrap key, each time on a thread of its own: it
// is only for as long as a server has no cluster. Loop thread.
class HttpsBootstrapPeer final : public server::BootstrapPeer {
 public:
  // `post` runs a task on the loop; from any thread, as long as this lives.
  using Post = std::function<void(absl::AnyInvocable<void()>)>;

  HttpsBootstrapPeer(BootstrapPsk psk, Post post)
      : psk_(std::move(psk)), post_(std::move(post)) {}
  // Interrupts the calls that are under way. One that looks up a name is waited
  // for: as long as the system's resolver takes.
  ~HttpsBootstrapPeer() override;

  // See BootstrapPeer.
  void Hello(const std::string& address, server::HelloRequest request,
             server::Reply<server::HelloResponse> reply) override;

 private:
  const BootstrapPsk psk_;
  const Post post_;
  Interrupt interrupt_;
  uint64_t calls_ = 0;
  std::map<uint64_t, std::thread> threads_;
};

}  // namespace jaco::net

#endif  // JACO_NET_HTTPS_BOOTSTRAP_PEER_H_
