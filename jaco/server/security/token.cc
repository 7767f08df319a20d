#include "jaco/server/security/token.h"

#include <sodium.h>

#include <array>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "jaco/base/endian.h"

namespace jaco::server {
namespace {

template <size_t kSize>
std::string Hex(const std::array<uint8_t, kSize>& bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace

std::string NewToken(env::Entropy& entropy) {
  std::array<uint8_t, 32> bytes;
  entropy.Fill(absl::MakeSpan(bytes));
  return Hex(bytes);
}

std::string HashToken(absl::string_view token) {
  std::array<uint8_t, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(),
                     reinterpret_cast<const uint8_t*>(token.data()),
                     token.size());
  return Hex(hash);
}

bool EqualInConstantTime(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string NewUuid(env::Entropy& entropy) {
  std::array<uint8_t, 16> bytes;
  entropy.Fill(absl::MakeSpan(bytes));
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);  // RFC 4122
  const std::string hex = Hex(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-",
                      hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20));
}

uint64_t NewNodeId(env::Entropy& entropy) {
  std::array<uint8_t, 8> bytes;
  uint64_t id = 0;
  while (id == 0) {
    entropy.Fill(absl::MakeSpan(bytes));
    id =
        LoadLittleEndian<uint64_t>(reinterpret_cast<const char*>(bytes.data()));
  }
  return id;
}

}  // namespace jaco::server
