#include "jaco/server/security/password.h"

#include <sodium.h>

#include <array>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/server/security/token.h"

namespace jaco::server {
namespace {

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* Bytes(std::string& text) {
  return reinterpret_cast<uint8_t*>(text.data());
}

std::string Hash(absl::string_view text) {
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(Bytes(hash), Bytes(text), text.size());
  return hash;
}

std::string Xor(absl::string_view a, absl::string_view b) {
  std::string both(a);
  for (size_t i = 0; i < both.size(); ++i) {
    both[i] = static_cast<char>(both[i] ^ b[i]);
  }
  return both;
}

}  // namespace

PasswordKeys::~PasswordKeys() {
  for (std::string* key : {&client, &stored, &server}) {
    sodium_memzero(key->data(), key->size());
  }
}

absl::StatusOr<PasswordKeys> DerivePasswordKeys(absl::string_view password,
                                                absl::string_view salt,
                                                const PasswordCost& cost) {
  if (salt.size() != fsm::kPasswordSaltBytes || cost.passes == 0 ||
      cost.passes > fsm::kPasswordPassesMax ||
      cost.memory_kib < fsm::kPasswordMemoryKibMin ||
      cost.memory_kib > fsm::kPasswordMemoryKibMax) {
    return MakeError(ErrorCode::kValidationFailed,
                     "a salt or a cost of a password that cannot be");
  }
  std::string salted(fsm::kPasswordKeyBytes, '\0');
  const absl::Cleanup erase = [&salted] {
    sodium_memzero(salted.data(), salted.size());
  };
  const int made = crypto_pwhash_argon2id(
      Bytes(salted), salted.size(), password.data(), password.size(),
      Bytes(salt), cost.passes, size_t{cost.memory_kib} * 1024,
      crypto_pwhash_argon2id_ALG_ARGON2ID13);
  if (made != 0) {
    return absl::InternalError(absl::StrCat(
        "no memory to check a password: ", cost.memory_kib, " KiB are needed"));
  }
  PasswordKeys keys;
  keys.client = Mac(salted, "Client Key");
  keys.stored = Hash(keys.client);
  keys.server = Mac(salted, "Server Key");
  return keys;
}

std::string Transcript(std::initializer_list<absl::string_view> parts) {
  std::string text;
  for (const absl::string_view part : parts) AppendSized(part, &text);
  return text;
}

std::string MakePasswordProof(const PasswordKeys& keys,
                              absl::string_view transcript) {
  return Xor(keys.client, Mac(keys.stored, transcript));
}

bool CheckPasswordProof(absl::string_view stored, absl::string_view transcript,
                        absl::string_view proof) {
  if (proof.size() != fsm::kPasswordKeyBytes) return false;
  const std::string client = Xor(proof, Mac(stored, transcript));
  return EqualInConstantTime(Hash(client), stored);
}

std::string Mac(absl::string_view key, absl::string_view message) {
  std::string mac(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, Bytes(key), key.size());
  crypto_auth_hmacsha256_update(&state, Bytes(message), message.size());
  crypto_auth_hmacsha256_final(&state, Bytes(mac));
  sodium_memzero(&state, sizeof(state));
  return mac;
}

}  // namespace jaco::server
