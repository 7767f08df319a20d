// Passwords: what is kept to check them, and how both sides of a connection
// prove to each other that they know one (its text, or what is kept of it)
// without saying it. The structure is that of RFC 5802 (SCRAM), with Argon2id
// in the place of PBKDF2; docs/decisions/0018-bootstrap-api.md.

#ifndef JACO_SERVER_SECURITY_PASSWORD_H_
#define JACO_SERVER_SECURITY_PASSWORD_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::server {

// What trying a password costs whoever tries one; libsodium's interactive
// limits.
struct PasswordCost {
  uint32_t passes = 2;
  uint32_t memory_kib = uint32_t{64} << 10;
};

// Each 32 bytes. Erased when it goes.
struct PasswordKeys {
  ~PasswordKeys();
  std::string client;  // as good as the password
  std::string stored;  // checks a proof
  std::string server;  // proves that one can check
};

// `salt` has 16 bytes. Takes as long as `cost` says: not for the loop.
// kInternal when there is no memory for that; validation_failed for a cost
// beyond all reason.
absl::StatusOr<PasswordKeys> DerivePasswordKeys(absl::string_view password,
                                                absl::string_view salt,
                                                const PasswordCost& cost);

// One text of many parts; no two lists of parts have the same.
std::string Transcript(std::initializer_list<absl::string_view> parts);

// That its maker knows the password, for this conversation only.
std::string MakePasswordProof(const PasswordKeys& keys,
                              absl::string_view transcript);
// In constant time. `stored` is PasswordKeys::stored.
bool CheckPasswordProof(absl::string_view stored, absl::string_view transcript,
                        absl::string_view proof);

// HMAC-SHA-256, 32 bytes.
std::string Mac(absl::string_view key, absl::string_view message);

}  // namespace jaco::server

#endif  // JACO_SERVER_SECURITY_PASSWORD_H_
