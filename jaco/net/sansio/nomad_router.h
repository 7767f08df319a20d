#ifndef JACO_NET_SANSIO_NOMAD_ROUTER_H_
#define JACO_NET_SANSIO_NOMAD_ROUTER_H_

#include "absl/strings/string_view.h"
#include "jaco/net/sansio/http_types.h"
#include "jaco/net/sansio/query.h"
#include "jaco/server/operator_api.h"

namespace jaco::net {

// The paths that are Nomad's: the Raft operator API, autopilot, agent and
// status. Errors are Nomad's texts, as its clients expect them, but for those
// who ask for JSON. Keeps nothing between requests. Loop thread.
class NomadRouter {
 public:
  // `api` is borrowed; it outlives the router.
  explicit NomadRouter(server::Api* api) : api_(api) {}

  // Whether the path (without a query) is one of these.
  static bool Knows(absl::string_view path);
  // See ApiRouter; for a target whose path is known.
  static bool IsLocalRead(absl::string_view method, absl::string_view target);

  // `request` has a path that is known. Answers through `reply` when the API
  // does; never, if that never does.
  void Handle(const HttpRequest& request, const server::Caller& caller,
              HttpReply reply);

 private:
  struct Call;
  struct Route;
  enum class Local;
  static const Route kRoutes[];

  void ListPeers(Call call);
  void RemovePeer(Call call);
  void TransferLeadership(Call call);
  void GetAutopilot(Call call);
  void SetAutopilot(Call call);
  void Health(Call call);
  void StatusLeader(Call call);
  void StatusPeers(Call call);
  void AgentMembers(Call call);
  void AgentSelf(Call call);
  void Regions(Call call);

  server::Api* const api_;
};

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_NOMAD_ROUTER_H_
