// One HTTP connection. Internal to http_server.

#ifndef JACO_NET_HTTP_SESSION_H_
#define JACO_NET_HTTP_SESSION_H_

#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "jaco/net/http_server.h"
#include "jaco/net/http_stream.h"
#include "jaco/net/sansio/http_types.h"

namespace jaco::net {

class HttpSession;

// What a session needs of the server; the server outlives it or closes it.
class HttpSessionOwner {
 public:
  virtual ~HttpSessionOwner() = default;
  virtual const HttpServerOptions& options() const = 0;
  // Who bears `token` (empty: none), which came from `address`; at once or
  // later; `stale` as in HttpServer. An error may come with the time to wait in
  // whole seconds.
  using Identified = absl::AnyInvocable<void(absl::StatusOr<server::Caller>,
                                             int64_t wait_seconds)>;
  virtual void Identify(HttpServer::Authenticate& authenticate,
                        const std::string& address, absl::string_view token,
                        bool stale, Identified done) = 0;
  // Whether what is at `target` is for everybody.
  virtual bool IsOpenTarget(absl::string_view target) = 0;
  // How many seconds `address` has to wait before it is heard; 0: none.
  virtual int64_t WaitSeconds(const std::string& address) = 0;
  // Somebody anonymous there could not prove what has to be proved.
  virtual void OnBadProof(const std::string& address) = 0;
  // The right to read or write an archive, while it is kept; nullptr while
  // another has it.
  virtual std::shared_ptr<void> TakeArchivePlace() = 0;
  // A connection was closed on one who did not do as he should; `address` is
  // empty on the unix socket.
  virtual void OnTurnedAway(absl::string_view address,
                            absl::string_view reason) = 0;
  virtual void Handle(HttpSession* session, const HttpRequest& request,
                      const server::Caller& caller, HttpReply reply) = 0;
};

class HttpSession {
 public:
  virtual ~HttpSession() = default;
  // Serves requests until the connection ends.
  virtual void Start() = 0;
  // Whether no request is being read, handled or answered.
  virtual bool idle() const = 0;
  // Whether it was last found out who asks: not before the first request, and
  // not of those who may be anybody.
  virtual bool known() const = 0;
  // Of the client; empty where the socket is the trust boundary.
  virtual const std::string& address() const = 0;
  // Answers with `response` whatever comes, and closes.
  virtual void Refuse(HttpResponse response) = 0;
  // At once; the owner is not used any more.
  virtual void Close() = 0;
};

// Where a connection came in.
struct HttpListener {
  // Null where the socket is the trust boundary; borrowed from the owner.
  HttpServer::Authenticate* authenticate = nullptr;
  std::shared_ptr<boost::asio::ssl::context> tls;  // null: plain HTTP
  std::string address;  // of the client, see SourceOf
};

// `on_end` runs once, unless Close was called.
std::shared_ptr<HttpSession> MakeHttpSession(
    HttpSocket socket, HttpSessionOwner* owner, HttpListener listener,
    absl::AnyInvocable<void(HttpSession*)> on_end);

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_SESSION_H_
