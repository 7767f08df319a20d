#ifndef JACO_NET_PKI_OPENSSL_PKI_H_
#define JACO_NET_PKI_OPENSSL_PKI_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/env/entropy.h"
#include "jaco/env/pki.h"

namespace jaco::net {

struct PkiOptions {
  absl::Duration authority_life = absl::Hours(24 * 3650);
  absl::Duration node_life = absl::Hours(24 * 365);
  // Certificates are valid from so long before they are made: clocks differ.
  absl::Duration backdating = absl::Minutes(5);
  // Without a valid authority nothing works, and one that a clock that was
  // ahead has dated cannot be renewed as what it signs can.
  absl::Duration authority_backdating = absl::Hours(24);
};

// X.509 with Ed25519 keys. Keys and serial numbers (128 bits) come from
// `entropy`; Ed25519 draws nothing to sign: equal entropy, equal certificates.
//
// An authority: CN "jaco CA", O the cluster id, path length 1 (for a cross-
// signed successor). A node: CN the node name (cut to 64 bytes, for people), O
// the cluster id, subject alternative names the node URI (node_uri.h) and the
// hosts as DNS names or IP addresses, for server and client authentication.
class OpenSslPki final : public env::Pki {
 public:
  // `entropy` is borrowed.
  explicit OpenSslPki(env::Entropy* entropy, PkiOptions options = {})
      : entropy_(entropy), options_(options) {}

  absl::StatusOr<env::Authority> CreateAuthority(absl::string_view cluster_id,
                                                 absl::Time now) override;
  absl::StatusOr<std::string> CrossSign(const env::Authority& old_authority,
                                        absl::string_view certificate,
                                        absl::Time now) override;
  absl::StatusOr<env::KeyAndRequest> CreateRequest(
      const env::NodeNames& names) override;
  absl::StatusOr<env::NodeNames> ReadRequest(
      absl::string_view request) override;
  absl::StatusOr<std::string> Issue(const env::Authority& authority,
                                    absl::string_view request,
                                    const env::NodeNames& names,
                                    absl::Time now) override;
  absl::StatusOr<env::CertificateInfo> VerifyNode(
      absl::string_view certificates, absl::string_view bundle,
      absl::Time now) override;
  absl::StatusOr<env::Validity> ValidityOf(
      absl::string_view certificate) override;
  absl::StatusOr<std::string> Fingerprint(
      absl::string_view certificate) override;

 private:
  env::Entropy* entropy_;
  const PkiOptions options_;
};

}  // namespace jaco::net

#endif  // JACO_NET_PKI_OPENSSL_PKI_H_
