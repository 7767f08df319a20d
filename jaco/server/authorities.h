// The certificate authorities of a cluster: whom its servers trust, and who
// signs.

#ifndef JACO_SERVER_AUTHORITIES_H_
#define JACO_SERVER_AUTHORITIES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/env/entropy.h"
#include "jaco/env/pki.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/server/security/keyring.h"

namespace jaco::server {

// All that are trusted, as PEM: they are so from the moment they are listed,
// whatever anybody's clock says.
std::string BundleOf(const fsm::Cluster& cluster);

// The last authority that has a key; null when there is none.
const fsm::Authority* NewestSigner(const fsm::Cluster& cluster);

// The last one with a key that is valid at `now`. One that a clock ahead of
// ours has dated has to wait: nobody takes a certificate of it yet. When none
// is valid, the newest.
const fsm::Authority* SignerAt(const fsm::Cluster& cluster, env::Pki& pki,
                               absl::Time now);

// False for what is no certificate, too.
bool IsValidAt(const fsm::Authority& authority, env::Pki& pki, absl::Time now);

// `signer`, which may be null, with its key. conflict in a cluster that has no
// authorities; data_loss when `keyring` does not open the key.
absl::StatusOr<env::Authority> OpenAuthority(const fsm::Cluster& cluster,
                                             const fsm::Authority* signer,
                                             const Keyring& keyring);
// What the keyring seals the keys of authorities for.
std::string SealAuthorityKey(const Keyring& keyring, env::Entropy& entropy,
                             absl::string_view key);

absl::Status NoAuthority();

// Empty, or that the newest authority ends within a year of `now`, and what an
// operator has to do about it.
std::string EndOfAuthority(const fsm::Cluster& cluster, env::Pki& pki,
                           absl::Time now);

}  // namespace jaco::server

#endif  // JACO_SERVER_AUTHORITIES_H_
