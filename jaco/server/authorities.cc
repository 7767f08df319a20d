#include "jaco/server/authorities.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kAuthorityPurpose = "ca key";
// Nobody hands out a new ca.crt in a day.
constexpr absl::Duration kWarnedBefore = absl::Hours(24 * 365);

}  // namespace

std::string BundleOf(const fsm::Cluster& cluster) {
  std::string bundle;
  for (const auto& authority : cluster.authorities()) {
    absl::StrAppend(&bundle, authority.certificate());
  }
  return bundle;
}

const fsm::Authority* NewestSigner(const fsm::Cluster& cluster) {
  const fsm::Authority* signer = nullptr;
  for (const auto& authority : cluster.authorities()) {
    if (!authority.sealed_key().empty()) signer = &authority;
  }
  return signer;
}

const fsm::Authority* SignerAt(const fsm::Cluster& cluster, env::Pki& pki,
                               absl::Time now) {
  const fsm::Authority* signer = nullptr;
  for (const auto& authority : cluster.authorities()) {
    if (!authority.sealed_key().empty() && IsValidAt(authority, pki, now)) {
      signer = &authority;
    }
  }
  return signer != nullptr ? signer : NewestSigner(cluster);
}

bool IsValidAt(const fsm::Authority& authority, env::Pki& pki, absl::Time now) {
  const auto validity = pki.ValidityOf(authority.certificate());
  return validity.ok() && validity->not_before <= now &&
         now <= validity->not_after;
}

absl::StatusOr<env::Authority> OpenAuthority(const fsm::Cluster& cluster,
                                             const fsm::Authority* signer,
                                             const Keyring& keyring) {
  if (cluster.authorities().empty()) return NoAuthority();
  if (signer == nullptr) {
    return absl::InternalError("the cluster has no authority that signs");
  }
  auto key = keyring.Open(kAuthorityPurpose, signer->sealed_key());
  if (!key.ok()) {
    return MakeError(ErrorCode::kDataLoss,
                     absl::StrCat("the key of the cluster's authority: ",
                                  key.status().message()));
  }
  return env::Authority{signer->certificate(), *std::move(key)};
}

std::string SealAuthorityKey(const Keyring& keyring, env::Entropy& entropy,
                             absl::string_view key) {
  return keyring.Seal(entropy, kAuthorityPurpose, key);
}

absl::Status NoAuthority() {
  return MakeError(ErrorCode::kConflict,
                   "this cluster has no certificate authority");
}

std::string EndOfAuthority(const fsm::Cluster& cluster, env::Pki& pki,
                           absl::Time now) {
  const fsm::Authority* const newest = NewestSigner(cluster);
  if (newest == nullptr) return "";
  const auto validity = pki.ValidityOf(newest->certificate());
  if (!validity.ok() || now + kWarnedBefore < validity->not_after) return "";
  return absl::StrCat(
      "expires on ",
      absl::FormatTime("%Y-%m-%d", validity->not_after, absl::UTCTimeZone()),
      ", and no server hears another one from then on: run `jaco cluster "
      "rotate-ca`, hand out node/ca.crt, run `jaco cluster retire-ca`");
}

}  // namespace jaco::server
