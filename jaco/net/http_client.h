#ifndef JACO_NET_HTTP_CLIENT_H_
#define JACO_NET_HTTP_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace jaco::net {

class BootstrapPsk;
class Interrupt;

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string digest;  // the Digest header; empty: none
};

// One request to the daemon behind the unix socket `path`, blocking, done with
// `timeout` from now at the latest. Any HTTP status is an answer; an error
// means that there was none: kUnavailable (no socket, nobody listens, closed
// midway), kPermissionDenied, kDeadlineExceeded, kInternal (not an HTTP
// answer). Its message is for people.
absl::StatusOr<HttpAnswer> CallUnixSocket(absl::string_view path,
                                          absl::string_view method,
                                          absl::string_view target,
                                          absl::string_view body,
                                          absl::Duration timeout);

// A jacod behind TCP.
struct HttpRemote {
  std::string host;
  uint16_t port = 0;
  bool tls = true;
  std::string authorities;  // PEM; whoever they vouch for as `host` is trusted
  std::string token;        // secret; empty: none is sent
  // Borrowed; if any, whoever has it too is trusted, and nobody else.
  const BootstrapPsk* bootstrap_psk = nullptr;
  // Borrowed; if any, ends a call with kUnavailable when it is raised.
  const Interrupt* interrupt = nullptr;
};

// The same over TCP. Nothing is sent before the server has shown a certificate
// for its host: else peer_untrusted.
absl::StatusOr<HttpAnswer> CallRemote(const HttpRemote& remote,
                                      absl::string_view method,
                                      absl::string_view target,
                                      absl::string_view body,
                                      absl::Duration timeout);

struct OpenRemote;

// Calls to one server over one connection, for as long as that lasts: that the
// server shows another certificate meanwhile does not matter.
class HttpConversation {
 public:
  explicit HttpConversation(HttpRemote remote);
  ~HttpConversation();
  HttpConversation(const HttpConversation&) = delete;
  HttpConversation& operator=(const HttpConversation&) = delete;

  // As CallRemote. Where the connection of the call before has ended, a GET is
  // sent over a new one, and another method fails with kUnavailable.
  absl::StatusOr<HttpAnswer> Call(absl::string_view method,
                                  absl::string_view target,
                                  absl::string_view body,
                                  absl::Duration timeout);

 private:
  const HttpRemote remote_;
  const std::string name_;
  std::unique_ptr<OpenRemote> open_;
};

// One TLS connection to whoever is there: `talk` gets the binding of the
// connection (RFC 9266), and what sends a POST over it. Who it is is for `talk`
// to find out. Of `remote`, host, port and interrupt count. Answers of more
// than 64 KiB are kInternal. The errors of CallRemote, and those of `talk`.
using Post = absl::FunctionRef<absl::StatusOr<HttpAnswer>(
    absl::string_view target, absl::string_view body)>;
absl::Status TalkToAnybody(
    const HttpRemote& remote, absl::Duration timeout,
    absl::FunctionRef<absl::Status(absl::string_view channel_binding, Post)>
        talk);

// The PEM of the authority, with this fingerprint (lower-case hex SHA-256),
// that the server shows with its certificate. Nothing is sent but a handshake.
// Of `remote`, host, port and interrupt count. peer_untrusted when it shows
// none; kUnavailable, kDeadlineExceeded.
absl::StatusOr<std::string> FindAuthority(const HttpRemote& remote,
                                          absl::string_view fingerprint,
                                          absl::Duration timeout);

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_CLIENT_H_
