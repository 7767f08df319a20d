// How servers that wait for a cluster speak to each other.

#ifndef JACO_SERVER_BOOTSTRAP_PEER_H_
#define JACO_SERVER_BOOTSTRAP_PEER_H_

#include <string>

#include "jaco/server/api.h"
#include "jaco/server/bootstrap.pb.h"

namespace jaco::server {

class BootstrapPeer {
 public:
  virtual ~BootstrapPeer() = default;

  // Api::Hello of the server whose API is at `address`, as one of those that
  // share our bootstrap key: peer_untrusted when the other side does not have
  // it (nothing was said to it then), peer_unreachable. Always answers, on the
  // loop, later, within some seconds; several may be under way.
  virtual void Hello(const std::string& address, HelloRequest request,
                     Reply<HelloResponse> reply) = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_BOOTSTRAP_PEER_H_
