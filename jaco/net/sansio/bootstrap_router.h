#ifndef JACO_NET_SANSIO_BOOTSTRAP_ROUTER_H_
#define JACO_NET_SANSIO_BOOTSTRAP_ROUTER_H_

#include "absl/strings/string_view.h"
#include "jaco/net/sansio/http_types.h"
#include "jaco/server/api.h"
#include "jaco/server/bootstrap_api.h"

namespace jaco::net {

// Redis Enterprise's bootstrap paths. Keeps nothing between requests. Loop
// thread.
class BootstrapRouter {
 public:
  // `api` is borrowed; it outlives the router.
  explicit BootstrapRouter(server::Api* api) : api_(api) {}

  // Whether the path (without a query) is one of these.
  static bool Knows(absl::string_view path);

  // `request` has a path that is known. Answers through `reply` when the API
  // does; never, if that never does.
  void Handle(const HttpRequest& request, const server::Caller& caller,
              HttpReply reply);

 private:
  void Report(HttpReply reply);
  void Validate(const server::Caller& caller,
                absl::StatusOr<server::BootstrapRequest> request,
                HttpReply reply);

  server::Api* const api_;
};

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_BOOTSTRAP_ROUTER_H_
