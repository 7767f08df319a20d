// Input: PEM of anything. What does not begin with a dash is taken for the
// bytes inside one; its first byte says of which kind.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/env/seeded_entropy.h"
#include "jaco/net/pki/node_uri.h"
#include "jaco/net/pki/openssl_pki.h"

namespace jaco::net {
namespace {

std::string AsPem(absl::string_view input) {
  if (input.empty() || input.front() == '-') return std::string(input);
  const absl::string_view kind =
      input.front() % 2 == 0 ? "CERTIFICATE" : "CERTIFICATE REQUEST";
  return absl::StrCat("-----BEGIN ", kind, "-----\n",
                      absl::Base64Escape(input.substr(1)), "\n-----END ", kind,
                      "-----\n");
}

void Run(absl::string_view input) {
  static env::SeededEntropy entropy;
  static OpenSslPki pki(&entropy);
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  static const env::Authority authority = *pki.CreateAuthority("c1", now);
  const std::string pem = AsPem(input);
  const auto names = pki.ReadRequest(pem);
  if (names.ok()) {
    JACO_CHECK(CheckNodeNames(*names).ok());
    const auto issued = pki.Issue(authority, pem, *names, now);
    JACO_CHECK(issued.ok());
    const auto verified = pki.VerifyNode(*issued, authority.certificate, now);
    JACO_CHECK(verified.ok());
    JACO_CHECK(verified->names == *names);
  }
  JACO_CHECK(!pki.VerifyNode(pem, authority.certificate, now).ok());
  JACO_CHECK(
      !pki.Issue({pem, authority.key}, pem, {"c1", 1, "n", {}}, now).ok());
  // Whatever it is, it vouches for nobody that it has not signed.
  const auto by_input = pki.VerifyNode(authority.certificate, pem, now);
  JACO_CHECK(!by_input.ok());
  (void)pki.Fingerprint(pem);
  (void)pki.ValidityOf(pem);
  if (const auto parsed = ParseNodeUri(input); parsed.ok()) {
    JACO_CHECK(FormatNodeUri(*parsed) == input);
  }
}

}  // namespace
}  // namespace jaco::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jaco::net::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
