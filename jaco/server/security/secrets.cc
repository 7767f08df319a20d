#include "jaco/server/security/secrets.h"

#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/server/security/format_line.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kDirectory = "node";
constexpr absl::string_view kSecretsName = "secrets";
constexpr absl::string_view kAuthoritiesName = "ca.crt";

constexpr absl::string_view kPlainKeyring = "plain\n";
constexpr absl::string_view kSealedKeyring = "sealed\n";
constexpr absl::string_view kKeyringPurpose = "keyring";
constexpr absl::string_view kKeyPurpose = "node key";
constexpr absl::string_view kFormat = "jaco-secrets";
constexpr uint32_t kVersion = 1;

absl::Status Damaged(absl::string_view path) {
  return MakeError(ErrorCode::kDataLoss, absl::StrCat(path, " is damaged"));
}

// What a part of the file says: another version, or else damage.
absl::Status Unreadable(absl::string_view path, const absl::Status& status) {
  if (!absl::IsFailedPrecondition(status)) return Damaged(path);
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
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
    if (!keyring.ok()) return Unreadable(path, keyring.status());
    return keyring;
  }
  if (!absl::ConsumePrefix(&bytes, kSealedKeyring)) return Damaged(path);
  if (seal_key == nullptr) {
    return MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat(path, " is sealed; seal_key_file must name the key"));
  }
  auto plain = seal_key->Open(kKeyringPurpose, bytes);
  if (absl::IsFailedPrecondition(plain.status())) {
    return Unreadable(path, plain.status());
  }
  if (!plain.ok()) {
    return MakeError(
        ErrorCode::kPermissionDenied,
        absl::StrCat(path, " does not open with the key of seal_key_file"));
  }
  auto keyring = Keyring::Decode(*plain);
  if (!keyring.ok()) return Unreadable(path, keyring.status());
  return keyring;
}

std::string Encode(const Secrets& secrets, const Keyring* seal_key,
                   env::Entropy& entropy) {
  const Credentials& credentials = secrets.credentials;
  std::string bytes = FormatLine(kFormat, kVersion);
  AppendSized(EncodeKeyring(secrets.keyring, seal_key, entropy), &bytes);
  AppendSized(secrets.keyring.Seal(entropy, kKeyPurpose, credentials.key),
              &bytes);
  AppendSized(credentials.certificates, &bytes);
  AppendSized(credentials.bundle, &bytes);
  AppendLittleEndian(Crc32c(bytes), &bytes);
  return bytes;
}

absl::StatusOr<Secrets> Decode(absl::string_view path, absl::string_view bytes,
                               const Keyring* seal_key) {
  if (bytes.size() < sizeof(uint32_t)) return Damaged(path);
  absl::string_view body = bytes.substr(0, bytes.size() - 4);
  if (LoadLittleEndian<uint32_t>(bytes.data() + body.size()) != Crc32c(body)) {
    return Damaged(path);
  }
  const absl::Status format = ConsumeFormatLine(kFormat, kVersion, &body);
  if (!format.ok()) return Unreadable(path, format);
  ByteReader reader(body);
  const absl::string_view keyring_bytes = reader.ReadSized();
  const absl::string_view sealed_key = reader.ReadSized();
  Credentials credentials;
  credentials.certificates = std::string(reader.ReadSized());
  credentials.bundle = std::string(reader.ReadSized());
  if (!reader.AtEnd()) return Damaged(path);
  auto keyring = DecodeKeyring(path, keyring_bytes, seal_key);
  if (!keyring.ok()) return keyring.status();
  auto key = keyring->Open(kKeyPurpose, sealed_key);
  if (!key.ok()) return Unreadable(path, key.status());
  credentials.key = *std::move(key);
  return Secrets{.keyring = *std::move(keyring),
                 .credentials = std::move(credentials),
                 .sealed = absl::StartsWith(keyring_bytes, kSealedKeyring)};
}

}  // namespace

SecretFiles EncodeSecrets(const Secrets& secrets, const Keyring* seal_key,
                          env::Entropy& entropy) {
  return {{std::string(kSecretsName), Encode(secrets, seal_key, entropy)},
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

absl::StatusOr<bool> HasSecrets(env::FileSystem& fs,
                                const std::string& data_dir) {
  return fs.Exists(absl::StrCat(data_dir, "/", kDirectory, "/", kSecretsName));
}

absl::StatusOr<std::optional<Secrets>> LoadSecrets(env::FileSystem& fs,
                                                   const std::string& data_dir,
                                                   const Keyring* seal_key) {
  const std::string directory = absl::StrCat(data_dir, "/", kDirectory);
  const std::string path = absl::StrCat(directory, "/", kSecretsName);
  const auto bytes = storage::ReadReplaced(fs, directory, kSecretsName);
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return std::nullopt;
  auto secrets = Decode(path, **bytes, seal_key);
  if (!secrets.ok()) return secrets.status();
  return *std::move(secrets);
}

}  // namespace jaco::server
