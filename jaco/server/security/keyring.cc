#include "jaco/server/security/keyring.h"

#include <sodium.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/server/security/format_line.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kFormat = "jaco-keys";
constexpr uint32_t kVersion = 1;
constexpr uint8_t kSealedVersion = 1;
constexpr size_t kKeyIdBytes = 8;
constexpr size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr size_t kHeaderBytes = 1 + kKeyIdBytes;

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* Bytes(std::string& text) {
  return reinterpret_cast<uint8_t*>(text.data());
}

// Says which key, and nothing of it.
template <typename Key>
std::string IdOf(const Key& key) {
  std::array<uint8_t, crypto_generichash_BYTES_MIN> hash;
  crypto_generichash(hash.data(), hash.size(), key.data(), key.size(), nullptr,
                     0);
  return std::string(reinterpret_cast<const char*>(hash.data()), kKeyIdBytes);
}

absl::Status NotOpened() {
  return MakeError(ErrorCode::kDataLoss,
                   "a sealed secret does not open: it is damaged, or sealed "
                   "with another key");
}
absl::Status Damaged() {
  return MakeError(ErrorCode::kDataLoss, "the keyring is damaged");
}

}  // namespace

Keyring Keyring::Create(env::Entropy& entropy) {
  Keyring ring;
  ring.AddKey(entropy);
  return ring;
}

absl::StatusOr<Keyring> Keyring::FromText(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  Key key;
  if (text.size() != 2 * key.size() ||
      !std::all_of(text.begin(), text.end(), absl::ascii_isxdigit)) {
    return MakeError(ErrorCode::kValidationFailed,
                     "a seal key is 64 hexadecimal characters");
  }
  std::string bytes = absl::HexStringToBytes(text);
  std::copy(bytes.begin(), bytes.end(), key.begin());
  sodium_memzero(bytes.data(), bytes.size());
  Keyring ring;
  ring.keys_.push_back(key);
  sodium_memzero(key.data(), key.size());
  return ring;
}

Keyring::~Keyring() {
  for (Key& key : keys_) sodium_memzero(key.data(), key.size());
}

void Keyring::AddKey(env::Entropy& entropy) {
  // Reserved at once: a vector that grows leaves copies of its keys behind.
  keys_.reserve(kKeysMax);
  if (keys_.size() == kKeysMax) keys_.erase(keys_.begin());
  entropy.Fill(absl::MakeSpan(keys_.emplace_back()));
}

std::string Keyring::Seal(env::Entropy& entropy, absl::string_view purpose,
                          absl::string_view secret) const {
  JACO_CHECK(!keys_.empty());
  const Key& key = keys_.back();
  std::string sealed(1, static_cast<char>(kSealedVersion));
  sealed += IdOf(key);
  const std::string bound = absl::StrCat(sealed, purpose);
  std::array<uint8_t, kNonceBytes> nonce;
  entropy.Fill(absl::MakeSpan(nonce));
  sealed.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  const size_t begin = sealed.size();
  sealed.resize(begin + secret.size() + kTagBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      Bytes(sealed) + begin, nullptr, Bytes(secret), secret.size(),
      Bytes(bound), bound.size(), nullptr, nonce.data(), key.data());
  return sealed;
}

absl::StatusOr<std::string> Keyring::Open(absl::string_view purpose,
                                          absl::string_view sealed) const {
  if (sealed.size() < kHeaderBytes + kNonceBytes + kTagBytes) {
    return NotOpened();
  }
  const auto version = static_cast<uint8_t>(sealed[0]);
  if (version != kSealedVersion) {
    const absl::Status other = OtherVersion(version, kSealedVersion);
    return absl::Status(other.code(),
                        absl::StrCat("sealed bytes of ", other.message()));
  }
  const absl::string_view header = sealed.substr(0, kHeaderBytes);
  const absl::string_view nonce = sealed.substr(kHeaderBytes, kNonceBytes);
  const absl::string_view box = sealed.substr(kHeaderBytes + kNonceBytes);
  const std::string bound = absl::StrCat(header, purpose);
  for (const Key& key : keys_) {
    if (IdOf(key) != header.substr(1)) continue;
    std::string secret(box.size() - kTagBytes, '\0');
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            Bytes(secret), nullptr, nullptr, Bytes(box), box.size(),
            Bytes(bound), bound.size(), Bytes(nonce), key.data()) == 0) {
      return secret;
    }
  }
  return NotOpened();
}

std::string Keyring::Encode() const {
  std::string bytes = FormatLine(kFormat, kVersion);
  bytes.push_back(static_cast<char>(keys_.size()));
  for (const Key& key : keys_) {
    bytes.append(reinterpret_cast<const char*>(key.data()), key.size());
  }
  AppendLittleEndian(Crc32c(bytes), &bytes);
  return bytes;
}

absl::StatusOr<Keyring> Keyring::Decode(absl::string_view bytes) {
  if (bytes.size() < sizeof(uint32_t)) return Damaged();
  absl::string_view body = bytes.substr(0, bytes.size() - 4);
  if (LoadLittleEndian<uint32_t>(bytes.data() + body.size()) != Crc32c(body)) {
    return Damaged();
  }
  const absl::Status format = ConsumeFormatLine(kFormat, kVersion, &body);
  if (!format.ok()) return format;
  ByteReader reader(body);
  const size_t count = reader.Read<uint8_t>();
  if (count == 0 || count > kKeysMax) return Damaged();
  Keyring ring;
  ring.keys_.reserve(kKeysMax);
  for (size_t i = 0; i < count; ++i) {
    const absl::string_view key = reader.ReadBytes(sizeof(Key));
    if (key.size() != sizeof(Key)) return Damaged();
    std::copy(key.begin(), key.end(), ring.keys_.emplace_back().begin());
  }
  if (!reader.AtEnd()) return Damaged();
  return ring;
}

}  // namespace jaco::server
