// Access to the fabric for servers whose ids nobody chose: the fabric knows
// nodes by number, and the address tells the number.

#ifndef JACO_SIM_ADDRESSED_NETWORK_H_
#define JACO_SIM_ADDRESSED_NETWORK_H_

#include <functional>
#include <string>
#include <utility>

#include "jaco/env/network.h"
#include "jaco/sim/event.h"
#include "jaco/sim/sim_network.h"

namespace jaco::sim {

class AddressedNetwork final : public env::Network, env::FrameReceiver {
 public:
  // As which server the node runs.
  using IdOf = std::function<env::PeerId(env::PeerId node)>;
  // Who is there; a number beyond all nodes: nobody.
  using NodeAt = std::function<NodeNumber(const std::string& address)>;

  AddressedNetwork(Fabric& fabric, NodeNumber node, IdOf id_of, NodeAt node_at)
      : inner_(fabric, node),
        id_of_(std::move(id_of)),
        node_at_(std::move(node_at)) {}

  void Send(const env::PeerAddress& to, env::FramePtr frame) override {
    const NodeNumber node = node_at_(to.host_port);
    // As by TLS: whoever has the address but not the id gets nothing.
    if (id_of_(node) != to.id) return;
    inner_.Send({node, to.host_port}, std::move(frame));
  }
  void Bind(env::FrameReceiver* receiver) override {
    receiver_ = receiver;
    inner_.Bind(receiver == nullptr ? nullptr : this);
  }

 private:
  void OnFrame(env::PeerId from, absl::string_view frame) override {
    // As the real one does.
    if (receiver_->Admits(id_of_(from)))
      receiver_->OnFrame(id_of_(from), frame);
  }
  void OnPeerDown(env::PeerId peer) override {
    receiver_->OnPeerDown(id_of_(peer));
  }

  SimNetwork inner_;
  const IdOf id_of_;
  const NodeAt node_at_;
  env::FrameReceiver* receiver_ = nullptr;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_ADDRESSED_NETWORK_H_
