// The limits of an HTTP server.

#ifndef JACO_NET_HTTP_SERVER_OPTIONS_H_
#define JACO_NET_HTTP_SERVER_OPTIONS_H_

#include <cstddef>

#include "jaco/base/time.h"

namespace jaco::net {

struct HttpServerOptions {
  size_t header_bytes_max = 16 << 10;
  size_t body_bytes_max = 1 << 20;
  // Of those who say nothing of themselves, where they need not.
  size_t stranger_body_bytes_max = 64 << 10;
  // Instead of both, for privileged callers of IsArchiveTarget; the time is
  // also that of the answer. One of them at a time; others get a 429.
  size_t archive_bytes_max = size_t{256} << 20;
  Duration archive_timeout = Seconds(300);
  // When there is one more, a stranger's goes, of the address that has the most
  // of them, or else the one that has been idle for longest.
  size_t connections_max = 256;
  // Of one address, before it is known who they are; the oldest goes.
  size_t strangers_of_one_max = 64;
  Duration handshake_timeout = Seconds(5);  // of TLS
  Duration idle_timeout = Seconds(75);      // between requests
  Duration header_timeout = Seconds(5);     // first byte to last of a header
  Duration request_timeout = Seconds(10);   // end of the header to last byte
  Duration reply_timeout = Seconds(30);     // the handler's; then 504
  Duration write_timeout = Seconds(10);
  // How long the rest of a refused request is read and thrown away, so that the
  // client gets to see the answer.
  Duration linger_timeout = Seconds(2);
};

}  // namespace jaco::net

#endif  // JACO_NET_HTTP_SERVER_OPTIONS_H_
