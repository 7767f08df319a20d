#ifndef JACO_SIM_SIM_PKI_H_
#define JACO_SIM_SIM_PKI_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/env/entropy.h"
#include "jaco/env/pki.h"

namespace jaco::sim {

// Twin of net's OpenSslPki: the same rules about who vouches for whom and until
// when, with lines of text for certificates and hashes for signatures. Keeps
// nobody out who can compute a hash; nobody in a simulation does.
class SimPki final : public env::Pki {
 public:
  static constexpr absl::Duration kAuthorityLife = absl::Hours(24 * 3650);
  static constexpr absl::Duration kNodeLife = absl::Hours(24 * 365);
  // Whose clock is so much behind takes a certificate for valid, too.
  static constexpr absl::Duration kBackdating = absl::Minutes(5);

  // `entropy` is borrowed. An authority is valid from `authority_backdating`
  // before it is made.
  explicit SimPki(env::Entropy* entropy,
                  absl::Duration authority_backdating = absl::Hours(24))
      : entropy_(entropy), authority_backdating_(authority_backdating) {}

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
  std::string NewKey();

  env::Entropy* entropy_;
  const absl::Duration authority_backdating_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_PKI_H_
