// What makes a backup unreadable for whoever finds the file: bytes sealed with
// a passphrase, or with a key that was drawn for them. Argon2id makes the key,
// libsodium's secretstream (XChaCha20-Poly1305) does the rest, in pieces, so
// that not a byte can be changed, swapped or cut off. docs/formats.md has the
// layout.

#ifndef JACO_SERVER_SECURITY_SEALED_FILE_H_
#define JACO_SERVER_SECURITY_SEALED_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/entropy.h"

namespace jaco::server {

// What a passphrase costs whoever tries one.
struct PassphraseCost {
  uint32_t passes = 3;
  uint32_t memory_kib = uint32_t{256} << 10;
};

// Whether `bytes` begin as those that are sealed here.
bool IsSealedFile(absl::string_view bytes);

// kInternal when there is no memory for that.
absl::StatusOr<std::string> SealWithPassphrase(env::Entropy& entropy,
                                               absl::string_view passphrase,
                                               const PassphraseCost& cost,
                                               absl::string_view plain);
// `key` is 64 hexadecimal characters: NewToken. Else permission_denied.
absl::StatusOr<std::string> SealWithKey(env::Entropy& entropy,
                                        absl::string_view key,
                                        absl::string_view plain);

// `secret` is the passphrase or the key, white space around it is ignored.
// permission_denied when it is the wrong one; data_loss, saying where, when the
// bytes are not what was sealed; validation_failed for a version, or a cost,
// that this build does not take on.
absl::StatusOr<std::string> OpenSealedFile(absl::string_view sealed,
                                           absl::string_view secret);

}  // namespace jaco::server

#endif  // JACO_SERVER_SECURITY_SEALED_FILE_H_
