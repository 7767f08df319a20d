#include "jaco/server/security/secrets.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kDirectory = "node";
constexpr absl::string_view kKeyringName = "keyring";
constexpr absl::string_view kCredentialsName = "credentials";
constexpr absl::string_view kAuthoritiesName = "ca.crt";

constexpr absl::string_view kPlainKeyring = "plain\n";
constexpr absl::string_view kSealedKeyring = "sealed\n";
constexpr absl::string_view kKeyringPurpose = "keyring";
constexpr absl::string_view kKeyPurpose = "node key";
constexpr absl::string_view kCredentialsMagic = "jaco-cred 1\n";

std::string PathOf(absl::string_view data_dir, absl::string_view name) {
  return absl::StrCat(data_dir, "/", kDirectory, "/", name);
}

absl::Status Damaged(absl::string_view path) {
  return MakeError(ErrorCode::kDataLoss, absl::StrCat(path, " is damaged"));
}

void AppendText(absl::string_view text, std::string* out) {
  AppendLittleEndian(static_cast<uint32_t>(text.size()), out);
  absl::StrAppend(out, text);
}

std::string ReadText(ByteReader& reader) {
  return std::string(reader.ReadBytes(reader.Read<uint32_t>()));
}

std::string EncodeKeyring(const Keyring& keyring, const Keyring* seal_key,
                          env::Entropy& entropy) {
  const std::string plain = keyring.Encode();
  return seal_key == nullptr
             ? absl::StrCat(kPlainKeyring, plain)
             : absl::StrCat(kSealedKeyring,
                            seal_key->Seal(entropy, kKeyringPurpose, plain));
}

absl::StatusOr<Keyring> DecodeKeyring(absl::string_view path,
                                      absl::string_view bytes,
                                      const Keyring* seal_key) {
  if (absl::ConsumePrefix(&bytes, kPlainKeyring)) {
    auto keyring = Keyring::Decode(bytes);
    if (!keyring.ok()) return Damaged(path);
    return keyring;
  }
  if (!absl::ConsumePrefix(&bytes, kSealedKeyring)) return Damaged(path);
  if (seal_key == nullptr) {
    return MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat(path, " is sealed; seal_key_file must name the key"));
  }
  auto plain = seal_key->Open(kKeyringPurpose, bytes);
  if (!plain.ok()) {
    return MakeError(
        ErrorCode::kPermissionDenied,
        absl::StrCat(path, " does not open with the key of seal_key_file"));
  }
  auto keyring = Keyring::Decode(*plain);
  if (!keyring.ok()) return Damaged(path);
  return keyring;
}

std::string EncodeCredentials(const Secrets& secrets, env::Entropy& entropy) {
  const Credentials& credentials = secrets.credentials;
  std::string bytes(kCredentialsMagic);
  AppendText(secrets.keyring.Seal(entropy, kKeyPurpose, credentials.key),
             &bytes);
  AppendText(credentials.certificates, &bytes);
  AppendText(credentials.bundle, &bytes);
  AppendLittleEndian(Crc32c(bytes), &bytes);
  return bytes;
}

absl::StatusOr<Credentials> DecodeCredentials(absl::string_view path,
                                              absl::string_view bytes,
                                              const Keyring& keyring) {
  if (bytes.size() < sizeof(uint32_t)) return Damaged(path);
  const absl::string_view body = bytes.substr(0, bytes.size() - 4);
  if (LoadLittleEndian<uint32_t>(bytes.data() + body.size()) != Crc32c(body)) {
    return Damaged(path);
  }
  ByteReader reader(body);
  if (reader.ReadBytes(kCredentialsMagic.size()) != kCredentialsMagic) {
    return Damaged(path);
  }
  Credentials credentials;
  const std::string sealed_key = ReadText(reader);
  credentials.certificates = ReadText(reader);
  credentials.bundle = ReadText(reader);
  if (!reader.AtEnd()) return Damaged(path);
  auto key = keyring.Open(kKeyPurpose, sealed_key);
  if (!key.ok()) {
    return MakeError(
        ErrorCode::kDataLoss,
        absl::StrCat("the key in ", path, " does not open with node/keyring"));
  }
  credentials.key = *std::move(key);
  return credentials;
}

}  // namespace

SecretFiles EncodeSecrets(const Secrets& secrets, const Keyring* seal_key,
                          env::Entropy& entropy) {
  return {{std::string(kKeyringName),
           EncodeKeyring(secrets.keyring, seal_key, entropy)},
          {std::string(kCredentialsName), EncodeCredentials(secrets, entropy)},
          {std::string(kAuthoritiesName), secrets.credentials.bundle}};
}

absl::Status WriteSecretFiles(env::FileSystem& fs, const std::string& data_dir,
                              const SecretFiles& files) {
  const std::string directory = absl::StrCat(data_dir, "/", kDirectory);
  absl::Status status = fs.CreateDirectory(directory);
  if (status.ok()) status = fs.SyncDirectory(data_dir);
  for (const auto& [name, bytes] : files) {
    if (!status.ok()) return status;
    status = storage::ReplaceFile(fs, directory, name, bytes);
  }
  return status;
}

absl::StatusOr<std::optional<Secrets>> LoadSecrets(env::FileSystem& fs,
                                                   const std::string& data_dir,
                                                   const Keyring* seal_key) {
  const std::string keyring_path = PathOf(data_dir, kKeyringName);
  const std::string path = PathOf(data_dir, kCredentialsName);
  const auto keyring_bytes = storage::ReadWholeFile(fs, keyring_path);
  if (!keyring_bytes.ok()) return keyring_bytes.status();
  const auto bytes = storage::ReadWholeFile(fs, path);
  if (!bytes.ok()) return bytes.status();
  if (!keyring_bytes->has_value() && !bytes->has_value()) return std::nullopt;
  if (!keyring_bytes->has_value() || !bytes->has_value()) {
    return MakeError(
        ErrorCode::kDataLoss,
        absl::StrCat(bytes->has_value() ? keyring_path : path, " is missing"));
  }
  auto keyring = DecodeKeyring(keyring_path, **keyring_bytes, seal_key);
  if (!keyring.ok()) return keyring.status();
  auto credentials = DecodeCredentials(path, **bytes, *keyring);
  if (!credentials.ok()) return credentials.status();
  return Secrets{*std::move(keyring), *std::move(credentials)};
}

}  // namespace jaco::server
