#ifndef JACO_NET_BOOTSTRAP_PSK_H_
#define JACO_NET_BOOTSTRAP_PSK_H_

#include <openssl/ssl.h>

#include <string>

#include "absl/strings/string_view.h"

namespace jaco::net {

// By which servers that have no certificates yet know each other: the operator
// gave all of them the same bootstrap key, and the secret that follows from it
// is the pre-shared key of their TLS 1.3 connections (RFC 8446 §2.2, with
// (EC)DHE). Both sides have shown it when the handshake is done, and nobody who
// only listens learns it.
class BootstrapPsk {
 public:
  explicit BootstrapPsk(absl::string_view bootstrap_key);

  // Connections of `context` may be made with it, besides those with the
  // context's certificate, if it has one.
  void AllowOn(SSL_CTX* context) const;
  // Connections of `context` are offered with it. The server may have chosen
  // its certificate instead: see IsUsedBy.
  void OfferOn(SSL_CTX* context) const;

  // Whether the handshake that `connection` has done rests on it. The context
  // allows or offers it, and resumes no sessions.
  static bool IsUsedBy(SSL* connection);

 private:
  std::string secret_;
};

}  // namespace jaco::net

#endif  // JACO_NET_BOOTSTRAP_PSK_H_
