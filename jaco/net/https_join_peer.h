#ifndef JACO_NET_HTTPS_JOIN_PEER_H_
#define JACO_NET_HTTPS_JOIN_PEER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "jaco/env/event_loop.h"
#include "jaco/net/interrupt.h"
#include "jaco/server/join_peer.h"

namespace jaco::net {

// Asks over HTTPS, each time on a thread of its own: joins are rare, and a
// handshake with a server that does not answer takes its time. Loop thread.
class HttpsJoinPeer final : public server::JoinPeer {
 public:
  // `post` runs a task on the loop; from any thread, as long as this lives.
  using Post = std::function<void(absl::AnyInvocable<void()>)>;

  explicit HttpsJoinPeer(Post post) : post_(std::move(post)) {}
  // Interrupts the calls that are under way. One that looks up a name is waited
  // for: as long as the system's resolver takes.
  ~HttpsJoinPeer() override;

  // See JoinPeer. Also rate_limited.
  void Admit(const std::string& peer, const std::string& authority_fingerprint,
             const std::string& join_token, server::AdmitRequest request,
             server::Reply<server::AdmitResponse> reply) override;
  void Converse(const std::string& peer,
                std::shared_ptr<server::PasswordConversation> conversation,
                absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  // Calls at a time: those that nobody waits for any more may take a while.
  static constexpr size_t kCallsMax = 16;

  template <typename Answer, typename Call>
  void Start(Call call, absl::AnyInvocable<void(Answer)> reply);

  const Post post_;
  Interrupt interrupt_;
  uint64_t calls_ = 0;
  std::map<uint64_t, std::thread> threads_;
};

}  // namespace jaco::net

#endif  // JACO_NET_HTTPS_JOIN_PEER_H_
