// What an HTTP request and its answer are once the protocol is gone: the seam
// between the router, which knows the API, and the server, which knows sockets.

#ifndef JACO_NET_SANSIO_HTTP_TYPES_H_
#define JACO_NET_SANSIO_HTTP_TYPES_H_

#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "jaco/server/api.h"

namespace jaco::net {

// The views live until the call that takes the request returns.
struct HttpRequest {
  absl::string_view method;  // "GET"
  absl::string_view target;  // path and query as sent
  absl::string_view body;
  bool wants_json = false;              // its Accept header names JSON
  absl::string_view content_type = {};  // empty: it does not say
};

// The body is JSON, unless it says otherwise.
struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::string digest;               // the Digest header; empty: none
  std::string allow;                // the Allow header of a 405
  int64_t retry_after_seconds = 0;  // the Retry-After header; 0: none
};

// Runs at most once, on the loop, perhaps before the call that took it returns.
using HttpReply = absl::AnyInvocable<void(HttpResponse)>;

// Answers requests. Runs on the loop; destroying `reply` unrun is allowed, the
// HTTP server then answers `timeout`.
using HttpHandler = absl::AnyInvocable<void(
    const HttpRequest& request, const server::Caller& caller, HttpReply reply)>;

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_HTTP_TYPES_H_
