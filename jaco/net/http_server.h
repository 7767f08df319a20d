#ifndef JACO_NET_HTTP_SERVER_H_
#define JACO_NET_HTTP_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"
#include "jaco/net/http_server_options.h"
#include "jaco/net/sansio/http_types.h"
#include "jaco/net/tls_identity.h"
#include "jaco/server/api.h"

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace jaco::net {

// HTTP/1.1 with keep-alive and pipelining on the loop's io_context. Requests of
// one connection are answered one after the other. What a connection does wrong
// is its own loss: bytes that are not HTTP get a 400, too large ones a 413 or
// 431, slow ones are closed, and one more than `connections_max` that are all
// known and busy gets a 503. The body of a request is read when it is known who
// asks. An address whose requests bear too many bad tokens gets a 429 until
// some time has passed; what has one network of IPv6 is one address. Loop
// thread.
class HttpServer {
 public:
  // Which targets are for everybody now.
  using IsOpen = absl::AnyInvocable<bool(absl::string_view target)>;

  // Resolves a bearer token, or "Basic ..." as in the header, once, at once or
  // later: token_invalid, token_revoked, or why that cannot be told now; with
  // `stale` by what this server knows. An empty one is no token: what is wrong
  // with that.
  using Authenticate = absl::AnyInvocable<void(
      absl::string_view token, bool stale, server::Reply<server::Caller>)>;

  // `context` and `logger` are borrowed; they outlive the server.
  HttpServer(boost::asio::io_context& context, Logger* logger,
             HttpHandler handler, HttpServerOptions options = {});
  // Closes every connection; the handler is not called any more, and replies
  // that come later go nowhere. Removes the unix socket.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Serves the unix socket `path`: its directory is created, a socket that
  // nobody listens on any more is replaced; mode 0660, of `group`, or, when
  // that is empty, of the group `jaco` if there is one and we may. Callers are
  // `local`. Errors: kFailedPrecondition (somebody answers there, `path` is no
  // socket, no such group), as of files.
  absl::Status ListenUnix(absl::string_view path, absl::string_view group = "");

  // Serves HTTPS on `host_port` (port 0: any) to bearers of a token, as
  // `Authorization: Bearer TOKEN` or `X-Nomad-Token: TOKEN`, and to bootstrap
  // peers. `tls` is borrowed; while it is empty connections are closed. Returns
  // the port.
  // kFailedPrecondition, naming the address and the system's reason.
  absl::StatusOr<uint16_t> ListenTls(absl::string_view host_port,
                                     const TlsIdentity* tls,
                                     Authenticate authenticate);

  // The same in plain text; kInvalidArgument unless the address is one of
  // loopback.
  absl::StatusOr<uint16_t> ListenLoopback(absl::string_view host_port,
                                          Authenticate authenticate);

  // Who comes over TCP to a target that is open is anonymous, whatever they say
  // of themselves. Before listening.
  void OpenTo(IsOpen is_open);

  // This server and `other` take one archive at a time between them. Before
  // listening.
  void ShareArchivePlace(const HttpServer& other);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_SERVER_H_
