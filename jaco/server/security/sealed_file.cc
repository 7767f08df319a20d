#include "jaco/server/security/sealed_file.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kMagic = "JACOSEAL";
constexpr uint8_t kVersion = 1;
enum class Kind : uint8_t { kPassphrase = 1, kKey = 2 };

constexpr size_t kSaltBytes = crypto_pwhash_argon2id_SALTBYTES;
constexpr size_t kKeyBytes = crypto_secretstream_xchacha20poly1305_KEYBYTES;
constexpr size_t kStreamHeadBytes =
    crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr size_t kAddedBytes = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr size_t kProofBytes = 8;
constexpr size_t kPieceBytes = size_t{64} << 10;  // of plain bytes
constexpr size_t kHeadBytes = 8 + 1 + 1 + 4 + 4 + kSaltBytes + kProofBytes +
                              kStreamHeadBytes + sizeof(uint32_t);

// A file may not make us work for ever, nor take all memory.
constexpr uint32_t kPassesMax = 16;
constexpr uint32_t kMemoryKibMin = 8;
constexpr uint32_t kMemoryKibMax = uint32_t{1} << 20;

struct Key {
  ~Key() { sodium_memzero(bytes.data(), bytes.size()); }
  std::array<uint8_t, kKeyBytes> bytes = {};
};

struct Head {
  Kind kind = Kind::kKey;
  PassphraseCost cost;
  std::string salt;
  std::string proof;
  std::string stream_head;
};

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* Bytes(std::string& text) {
  return reinterpret_cast<uint8_t*>(text.data());
}

absl::Status Damaged(size_t offset) {
  return MakeError(
      ErrorCode::kDataLoss,
      absl::StrCat("the sealed file is damaged or cut short, at offset ",
                   offset));
}

bool IsHexKey(absl::string_view text) {
  return text.size() == 2 * kKeyBytes &&
         std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

// Says that a key is the right one, and nothing of it.
std::string ProofOf(const Key& key) {
  constexpr absl::string_view kPurpose = "sealed file";
  std::string hash(crypto_generichash_BYTES_MIN, '\0');
  crypto_generichash(Bytes(hash), hash.size(), Bytes(kPurpose), kPurpose.size(),
                     key.bytes.data(), key.bytes.size());
  return hash.substr(0, kProofBytes);
}

absl::Status DeriveKey(const Head& head, absl::string_view secret, Key* key) {
  if (head.kind == Kind::kKey) {
    if (!IsHexKey(secret)) {
      return MakeError(ErrorCode::kPermissionDenied,
                       "the file is sealed with a key of 64 hexadecimal "
                       "characters, and this is none");
    }
    std::string bytes = absl::HexStringToBytes(secret);
    std::copy(bytes.begin(), bytes.end(), key->bytes.begin());
    sodium_memzero(bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  const int made = crypto_pwhash_argon2id(
      key->bytes.data(), key->bytes.size(), secret.data(), secret.size(),
      Bytes(head.salt), head.cost.passes, size_t{head.cost.memory_kib} * 1024,
      crypto_pwhash_argon2id_ALG_ARGON2ID13);
  return made == 0 ? absl::OkStatus()
                   : absl::InternalError(absl::StrCat(
                         "no memory to derive a key: ", head.cost.memory_kib,
                         " KiB are needed"));
}

std::string Encode(const Head& head) {
  std::string bytes(kMagic);
  bytes.push_back(static_cast<char>(kVersion));
  bytes.push_back(static_cast<char>(head.kind));
  AppendLittleEndian(head.cost.passes, &bytes);
  AppendLittleEndian(head.cost.memory_kib, &bytes);
  absl::StrAppend(&bytes, head.salt, head.proof, head.stream_head);
  AppendLittleEndian(Crc32c(bytes), &bytes);
  return bytes;
}

absl::StatusOr<Head> DecodeHead(absl::string_view bytes) {
  if (bytes.size() < kHeadBytes || !IsSealedFile(bytes)) return Damaged(0);
  const absl::string_view body = bytes.substr(0, kHeadBytes - 4);
  if (LoadLittleEndian<uint32_t>(bytes.data() + body.size()) != Crc32c(body)) {
    return Damaged(0);
  }
  ByteReader reader(body.substr(kMagic.size()));
  const auto version = reader.Read<uint8_t>();
  if (version != kVersion) {
    return MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat("the file is sealed in format version ", version,
                     "; this build knows version ", kVersion));
  }
  const auto kind = reader.Read<uint8_t>();
  Head head;
  head.kind = static_cast<Kind>(kind);
  head.cost.passes = reader.Read<uint32_t>();
  head.cost.memory_kib = reader.Read<uint32_t>();
  head.salt = std::string(reader.ReadBytes(kSaltBytes));
  head.proof = std::string(reader.ReadBytes(kProofBytes));
  head.stream_head = std::string(reader.ReadBytes(kStreamHeadBytes));
  const bool known = kind == 1 || kind == 2;
  if (!known || head.cost.passes < 1 || head.cost.passes > kPassesMax ||
      head.cost.memory_kib < kMemoryKibMin ||
      head.cost.memory_kib > kMemoryKibMax) {
    return MakeError(ErrorCode::kValidationFailed,
                     "the file is sealed in a way that this build does not "
                     "know, or at a cost that it does not pay");
  }
  return head;
}

absl::StatusOr<std::string> Seal(env::Entropy& entropy, Kind kind,
                                 absl::string_view secret,
                                 const PassphraseCost& cost,
                                 absl::string_view plain) {
  Head head{.kind = kind, .cost = cost};
  head.salt.resize(kSaltBytes);
  entropy.Fill(absl::MakeSpan(Bytes(head.salt), head.salt.size()));
  Key key;
  absl::Status derived = DeriveKey(head, secret, &key);
  if (!derived.ok()) return derived;
  head.proof = ProofOf(key);
  head.stream_head.resize(kStreamHeadBytes);
  crypto_secretstream_xchacha20poly1305_state state;
  const absl::Cleanup erase = [&] { sodium_memzero(&state, sizeof(state)); };
  crypto_secretstream_xchacha20poly1305_init_push(
      &state, Bytes(head.stream_head), key.bytes.data());
  const std::string encoded = Encode(head);
  std::string sealed = encoded;
  sealed.reserve(encoded.size() + plain.size() +
                 (plain.size() / kPieceBytes + 1) * kAddedBytes);
  bool last = false;
  while (!last) {
    const absl::string_view piece = plain.substr(0, kPieceBytes);
    plain.remove_prefix(piece.size());
    last = plain.empty();
    const size_t begin = sealed.size();
    sealed.resize(begin + piece.size() + kAddedBytes);
    // The head is part of what is vouched for.
    crypto_secretstream_xchacha20poly1305_push(
        &state, Bytes(sealed) + begin, nullptr, Bytes(piece), piece.size(),
        Bytes(encoded), encoded.size(),
        last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
             : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
  }
  return sealed;
}

}  // namespace

bool IsSealedFile(absl::string_view bytes) {
  return absl::StartsWith(bytes, kMagic);
}

absl::StatusOr<std::string> SealWithPassphrase(env::Entropy& entropy,
                                               absl::string_view passphrase,
                                               const PassphraseCost& cost,
                                               absl::string_view plain) {
  return Seal(entropy, Kind::kPassphrase,
              absl::StripAsciiWhitespace(passphrase), cost, plain);
}

absl::StatusOr<std::string> SealWithKey(env::Entropy& entropy,
                                        absl::string_view key,
                                        absl::string_view plain) {
  return Seal(entropy, Kind::kKey, key, {.passes = 1, .memory_kib = 8}, plain);
}

absl::StatusOr<std::string> OpenSealedFile(absl::string_view sealed,
                                           absl::string_view secret) {
  const auto head = DecodeHead(sealed);
  if (!head.ok()) return head.status();
  Key key;
  absl::Status derived =
      DeriveKey(*head, absl::StripAsciiWhitespace(secret), &key);
  if (!derived.ok()) return derived;
  if (ProofOf(key) != head->proof) {
    return MakeError(ErrorCode::kPermissionDenied,
                     head->kind == Kind::kKey
                         ? "this is not the key that the file is sealed with"
                         : "this is not the passphrase that the file is sealed "
                           "with");
  }
  crypto_secretstream_xchacha20poly1305_state state;
  const absl::Cleanup erase = [&] { sodium_memzero(&state, sizeof(state)); };
  if (crypto_secretstream_xchacha20poly1305_init_pull(
          &state, Bytes(head->stream_head), key.bytes.data()) != 0) {
    return Damaged(0);
  }
  const absl::string_view encoded = sealed.substr(0, kHeadBytes);
  std::string plain;
  plain.reserve(sealed.size());
  uint8_t tag = 0;
  size_t at = kHeadBytes;
  while (tag != crypto_secretstream_xchacha20poly1305_TAG_FINAL) {
    const absl::string_view piece =
        sealed.substr(at, kPieceBytes + kAddedBytes);
    if (piece.size() < kAddedBytes) return Damaged(at);
    const size_t begin = plain.size();
    plain.resize(begin + piece.size() - kAddedBytes);
    if (crypto_secretstream_xchacha20poly1305_pull(
            &state, Bytes(plain) + begin, nullptr, &tag, Bytes(piece),
            piece.size(), Bytes(encoded), encoded.size()) != 0) {
      return Damaged(at);
    }
    at += piece.size();
  }
  if (at != sealed.size()) return Damaged(at);
  return plain;
}

}  // namespace jaco::server
