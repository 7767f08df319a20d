// Certificates for tests of connections.

#ifndef JACO_NET_TESTING_AUTHORITY_H_
#define JACO_NET_TESTING_AUTHORITY_H_

#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "jaco/env/seeded_entropy.h"
#include "jaco/net/pki/openssl_pki.h"
#include "jaco/net/tls_identity.h"

namespace jaco::net {

class TestAuthority {
 public:
  explicit TestAuthority(uint64_t seed = 1, PkiOptions options = {})
      : entropy_(seed), pki_(&entropy_, options) {}

  // A node of cluster c1; its certificate is made at `now`.
  TlsCredentials For(uint64_t id, absl::Time now = absl::Now()) {
    return For({"c1", id, "node", {"localhost", "127.0.0.1"}}, now);
  }
  TlsCredentials For(const env::NodeNames& names,
                     absl::Time now = absl::Now()) {
    const auto made = *pki_.CreateRequest(names);
    return {made.key, *pki_.Issue(authority_, made.request, names, now),
            authority_.certificate};
  }
  const env::Authority& authority() const { return authority_; }
  OpenSslPki& pki() { return pki_; }

 private:
  env::SeededEntropy entropy_;
  OpenSslPki pki_;
  const env::Authority authority_ = *pki_.CreateAuthority("c1", absl::Now());
};

}  // namespace jaco::net

#endif  // JACO_NET_TESTING_AUTHORITY_H_
