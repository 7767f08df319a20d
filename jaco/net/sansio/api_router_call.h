// What the handlers of the API's paths share. Internal to api_router.

#ifndef JACO_NET_SANSIO_API_ROUTER_CALL_H_
#define JACO_NET_SANSIO_API_ROUTER_CALL_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/http_error.h"

namespace jaco::net {

struct ApiRouter::Call {
  const server::Caller& caller;
  absl::string_view target;  // with the query
  std::string argument;      // the last segment of a path that ends in one
  absl::string_view body;
  HttpReply reply;
};

// Turns the reply of a service into one of HTTP.
template <typename Response>
server::Reply<Response> Encoded(HttpReply reply,
                                std::string (*encode)(const Response&)) {
  return [reply = std::move(reply),
          encode](absl::StatusOr<Response> response) mutable {
    reply(response.ok() ? HttpResponse{.body = encode(*response)}
                        : ErrorResponse(response.status()));
  };
}

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_API_ROUTER_CALL_H_
