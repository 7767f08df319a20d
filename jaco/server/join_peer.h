// How a server that is no member yet speaks to one.

#ifndef JACO_SERVER_JOIN_PEER_H_
#define JACO_SERVER_JOIN_PEER_H_

#include <string>

#include "jaco/server/api.h"

namespace jaco::server {

class JoinPeer {
 public:
  virtual ~JoinPeer() = default;

  // Api::Admit of the server whose API is at `peer`, with `join_token` for the
  // secret. Before that is sent, the peer has shown that it belongs to the
  // cluster whose authority has this fingerprint (lower-case hex SHA-256): else
  // peer_untrusted. peer_unreachable. Answers on the loop, later.
  virtual void Admit(const std::string& peer,
                     const std::string& authority_fingerprint,
                     const std::string& join_token, AdmitRequest request,
                     Reply<AdmitResponse> reply) = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_JOIN_PEER_H_
