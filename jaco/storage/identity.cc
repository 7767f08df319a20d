#include "jaco/storage/identity.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"

namespace jaco::storage {
namespace {

constexpr absl::string_view kMagic = "jaco-id\n";
constexpr uint32_t kVersion = 1;

std::string PathIn(absl::string_view data_directory) {
  return absl::StrCat(data_directory, "/identity");
}

std::string Encode(const Identity& identity) {
  std::string bytes(kMagic);
  AppendLittleEndian(kVersion, &bytes);
  AppendLittleEndian(identity.node_id.value(), &bytes);
  AppendLittleEndian(static_cast<uint32_t>(identity.node_name.size()), &bytes);
  bytes.append(identity.node_name);
  AppendLittleEndian(Crc32c(bytes), &bytes);
  return bytes;
}

absl::StatusOr<Identity> Decode(absl::string_view path,
                                absl::string_view bytes) {
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat(path, " is damaged"));
  if (bytes.size() < sizeof(uint32_t)) return damaged;
  const absl::string_view body = bytes.substr(0, bytes.size() - 4);
  if (LoadLittleEndian<uint32_t>(bytes.data() + body.size()) != Crc32c(body)) {
    return damaged;
  }
  ByteReader reader(body);
  if (reader.ReadBytes(kMagic.size()) != kMagic) return damaged;
  const auto version = reader.Read<uint32_t>();
  if (version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": format version ", version,
                     "; this build knows version ", kVersion));
  }
  Identity identity;
  identity.node_id = raft::NodeId(reader.Read<uint64_t>());
  identity.node_name = std::string(reader.ReadBytes(reader.Read<uint32_t>()));
  if (!reader.AtEnd()) return damaged;
  return identity;
}

absl::Status WriteAndSync(env::FileSystem& fs, const std::string& path,
                          absl::string_view bytes) {
  const auto file = fs.Open(path, env::OpenMode::kCreateTruncate);
  if (!file.ok()) return file.status();
  const absl::Status written = (*file)->WriteAt(0, bytes);
  return written.ok() ? (*file)->Sync() : written;
}

}  // namespace

absl::StatusOr<std::optional<Identity>> LoadIdentity(
    env::FileSystem& fs, absl::string_view data_directory) {
  const std::string path = PathIn(data_directory);
  const auto file = fs.Open(path, env::OpenMode::kRead);
  if (absl::IsNotFound(file.status())) return std::optional<Identity>();
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::string bytes(*size, '\0');
  const auto got = (*file)->ReadAt(0, bytes.size(), bytes.data());
  if (!got.ok()) return got.status();
  absl::StatusOr<Identity> identity =
      Decode(path, absl::string_view(bytes).substr(0, *got));
  if (!identity.ok()) return identity.status();
  return *std::move(identity);
}

absl::Status StoreIdentity(env::FileSystem& fs,
                           absl::string_view data_directory,
                           const Identity& identity) {
  const std::string path = PathIn(data_directory);
  const std::string temporary = path + ".tmp";
  absl::Status status = WriteAndSync(fs, temporary, Encode(identity));
  if (status.ok()) status = fs.Rename(temporary, path);
  if (status.ok()) status = fs.SyncDirectory(data_directory);
  return status;
}

}  // namespace jaco::storage
