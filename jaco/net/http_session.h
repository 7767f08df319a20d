// One HTTP connection. Internal to http_server.

#ifndef JACO_NET_HTTP_SESSION_H_
#define JACO_NET_HTTP_SESSION_H_

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "jaco/net/http_server.h"
#include "jaco/net/sansio/http_types.h"

namespace jaco::net {

// Unix and TCP sockets alike.
using HttpSocket =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                     boost::asio::io_context::executor_type>;

// What a session needs of the server; the server outlives it or closes it.
class HttpSessionOwner {
 public:
  virtual ~HttpSessionOwner() = default;
  virtual const HttpServerOptions& options() const = 0;
  virtual void Handle(const HttpRequest& request, const server::Caller& caller,
                      HttpReply reply) = 0;
};

class HttpSession {
 public:
  virtual ~HttpSession() = default;
  // Serves requests until the connection ends.
  virtual void Start() = 0;
  // Answers with `response` whatever comes, and closes.
  virtual void Refuse(HttpResponse response) = 0;
  // At once; the owner is not used any more.
  virtual void Close() = 0;
};

// `authenticate` is null where the socket is the trust boundary, and borrowed
// from the owner. `on_end` runs once, unless Close was called.
std::shared_ptr<HttpSession> MakeHttpSession(
    HttpSocket socket, HttpSessionOwner* owner,
    HttpServer::Authenticate* authenticate,
    absl::AnyInvocable<void(HttpSession*)> on_end);

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_SESSION_H_
