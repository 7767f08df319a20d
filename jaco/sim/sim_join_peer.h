// How a server that joins reaches the API of a member: a request and its answer
// take a while each, and may get lost.

#ifndef JACO_SIM_SIM_JOIN_PEER_H_
#define JACO_SIM_SIM_JOIN_PEER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/server/join_peer.h"
#include "jaco/server/server.h"
#include "jaco/sim/event_queue.h"

namespace jaco::sim {

// For all servers of a world. Their names are "n1" to "n9", and the address of
// an API is the node's number.
class SimJoinPeer final : public server::JoinPeer {
 public:
  class Place {
   public:
    virtual ~Place() = default;

    // nullptr: it is down.
    virtual server::Server* ServerOf(NodeNumber node) = 0;
    // Tells its incarnations apart.
    virtual uint64_t IncarnationOf(NodeNumber node) = 0;
    // Whether what is sent now arrives.
    virtual bool Reaches(NodeNumber from, NodeNumber to) = 0;
    // A server is about to ask to be admitted as this node.
    virtual void OnAsked(NodeNumber from, const std::string& join_token,
                         uint64_t node_id) = 0;
  };

  // Both outlive the peer. After `patience` nobody waits for an answer any
  // more.
  SimJoinPeer(EventQueue& queue, Place& place, Prng prng,
              Duration patience = Seconds(5));
  ~SimJoinPeer() override;
  SimJoinPeer(const SimJoinPeer&) = delete;
  SimJoinPeer& operator=(const SimJoinPeer&) = delete;

  static NodeNumber NumberOf(const std::string& node_name) {
    return static_cast<NodeNumber>(node_name[1] - '0');
  }

  void Admit(const std::string& peer, const std::string& authority_fingerprint,
             const std::string& join_token, server::AdmitRequest request,
             server::Reply<server::AdmitResponse> reply) override;
  // Passwords have tests of their own: nobody is reached.
  void Converse(const std::string& peer,
                std::shared_ptr<server::PasswordConversation> conversation,
                absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  using Answer = absl::StatusOr<server::AdmitResponse>;
  struct Call {
    NodeNumber from;
    uint64_t incarnation;
    server::Reply<server::AdmitResponse> reply;  // null when it was answered
  };

  // An event of `node`'s: a paused one hears nothing.
  void In(Duration time, NodeNumber node, std::function<void()> task);
  void Deliver(NodeNumber to, const std::string& join_token,
               const server::AdmitRequest& request,
               const std::shared_ptr<Call>& call);
  void Return(NodeNumber to, const std::shared_ptr<Call>& call, Answer answer);
  void Finish(const std::shared_ptr<Call>& call, const Answer& answer);

  EventQueue& queue_;
  Place& place_;
  const EventOwner owner_;
  Prng prng_;
  const Duration patience_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_JOIN_PEER_H_
