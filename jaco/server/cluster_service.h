// `jaco cluster init` and `jaco cluster status`.

#ifndef JACO_SERVER_CLUSTER_SERVICE_H_
#define JACO_SERVER_CLUSTER_SERVICE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/server/api.h"
#include "jaco/server/certificates.h"
#include "jaco/server/node.h"

namespace jaco::server {

// "READY", ..., and "LEAVING" whatever else it is.
std::string ShownStatus(const fsm::Node& node);

class ClusterService {
 public:
  ClusterService(Node* node, Certificates* certificates)
      : node_(node), certificates_(certificates) {}

  // See Api. `user` is there from the beginning.
  void Init(InitRequest request, std::optional<fsm::User> user,
            Reply<InitResponse> reply);
  // Whether Init could take these words.
  absl::Status CheckInit(const InitRequest& request) const;
  StatusResponse Status() const;

 private:
  std::string SuffrageOf(raft::NodeId id) const;

  Node* const node_;
  Certificates* const certificates_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_CLUSTER_SERVICE_H_
