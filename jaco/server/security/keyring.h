// Secrets at rest: keys, and what is sealed with them.

#ifndef JACO_SERVER_SECURITY_KEYRING_H_
#define JACO_SERVER_SECURITY_KEYRING_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/entropy.h"

namespace jaco::server {

// Keys of 256 bits; the newest seals, all of them open. Sealed bytes are
// XChaCha20-Poly1305 and bound to a purpose: what was sealed as one thing does
// not open as another. Their layout is in docs/formats.md. Erases its keys when
// it goes.
class Keyring {
 public:
  static constexpr size_t kKeysMax = 16;

  // One new key.
  static Keyring Create(env::Entropy& entropy);
  // The key that an operator keeps: 64 hex characters, white space around them
  // is ignored. validation_failed, without a word of the text.
  static absl::StatusOr<Keyring> FromText(absl::string_view text);

  Keyring(const Keyring&) = default;
  Keyring& operator=(const Keyring&) = default;
  ~Keyring();

  // A new key, which seals from now on. The oldest goes when there would be
  // more than kKeysMax.
  void AddKey(env::Entropy& entropy);

  std::string Seal(env::Entropy& entropy, absl::string_view purpose,
                   absl::string_view secret) const;
  // data_loss for bytes that no key of this ring has sealed for `purpose`;
  // kFailedPrecondition for those of another format version.
  absl::StatusOr<std::string> Open(absl::string_view purpose,
                                   absl::string_view sealed) const;

  // The keys as bytes: a secret.
  std::string Encode() const;
  // data_loss, kFailedPrecondition.
  static absl::StatusOr<Keyring> Decode(absl::string_view bytes);

 private:
  using Key = std::array<uint8_t, 32>;

  Keyring() = default;

  std::vector<Key> keys_;  // oldest first, never empty
};

}  // namespace jaco::server

#endif  // JACO_SERVER_SECURITY_KEYRING_H_
