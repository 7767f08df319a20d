// What a member keeps secret on its own disk, below its data directory:
//
//   node/secrets  the cluster's keyring (sealed when there is a seal key), our
//                 private key (sealed by the keyring), our certificate, the
//                 trusted authorities: one file, because they belong together
//   node/ca.crt   the trusted authorities once more, for people and `jaco`
//
// Blocking: for a job on a disk lane.

#ifndef JACO_SERVER_SECURITY_SECRETS_H_
#define JACO_SERVER_SECURITY_SECRETS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/entropy.h"
#include "jaco/env/file_system.h"
#include "jaco/server/security/keyring.h"

namespace jaco::server {

// What a server needs to show who it is and to know its peers. PEM.
struct Credentials {
  std::string key;           // secret
  std::string certificates;  // ours, then what links it to older authorities
  std::string bundle;        // the trusted authorities

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

struct Secrets {
  Keyring keyring;  // of the cluster: the same on every member
  Credentials credentials;
  bool sealed = false;  // whether the keyring lies sealed on disk
};

// Names below the data directory, and bytes.
using SecretFiles = std::vector<std::pair<std::string, std::string>>;

// The files for `secrets`. `seal_key` (may be null) seals the keyring.
SecretFiles EncodeSecrets(const Secrets& secrets, const Keyring* seal_key,
                          env::Entropy& entropy);

// Writes them one by one, each atomically.
absl::Status WriteSecretFiles(env::FileSystem& fs, const std::string& data_dir,
                              const SecretFiles& files);

// Whether `data_dir` holds any.
absl::StatusOr<bool> HasSecrets(env::FileSystem& fs,
                                const std::string& data_dir);

// nullopt when `data_dir` holds none. data_loss, naming the file, for a damaged
// one, kFailedPrecondition for one of another format version; validation_failed
// when the keyring is sealed and there is no seal key; permission_denied when
// it is the wrong one. A keyring that is not sealed though there is a seal key
// is fine.
absl::StatusOr<std::optional<Secrets>> LoadSecrets(env::FileSystem& fs,
                                                   const std::string& data_dir,
                                                   const Keyring* seal_key);

}  // namespace jaco::server

#endif  // JACO_SERVER_SECURITY_SECRETS_H_
