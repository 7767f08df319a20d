#include "jaco/storage/identity.h"

#include "absl/strings/str_cat.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::storage {
namespace {

constexpr absl::string_view kName = "identity";
constexpr absl::string_view kMagic = "jaco-id\n";
// Version 1 does not say whether leases were promised: so they may have been.
// It is what older builds can read, and written wherever it says enough.
constexpr uint32_t kVersion = 2;

std::string PathIn(absl::string_view data_directory) {
  return absl::StrCat(data_directory, "/", kName);
}

void AppendText(const std::string& text, std::string* bytes) {
  AppendLittleEndian(static_cast<uint32_t>(text.size()), bytes);
  bytes->append(text);
}

std::string ReadText(ByteReader& reader) {
  return std::string(reader.ReadBytes(reader.Read<uint32_t>()));
}

std::string Encode(const Identity& identity) {
  std::string bytes(kMagic);
  AppendLittleEndian(identity.leases_promised ? uint32_t{1} : kVersion, &bytes);
  AppendLittleEndian(identity.node_id.value(), &bytes);
  AppendText(identity.node_name, &bytes);
  if (identity.placement.has_value()) {
    AppendText(identity.placement->address, &bytes);
    AppendText(identity.placement->instead_of, &bytes);
  }
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
  if (version < 1 || version > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": format version ", version,
                     "; this build knows versions 1 to ", kVersion));
  }
  Identity identity;
  identity.node_id = raft::NodeId(reader.Read<uint64_t>());
  identity.node_name = ReadText(reader);
  identity.leases_promised = version == 1;
  if (!reader.AtEnd()) {
    Placement& placement = identity.placement.emplace();
    placement.address = ReadText(reader);
    placement.instead_of = ReadText(reader);
  }
  if (!reader.AtEnd()) return damaged;
  return identity;
}

}  // namespace

absl::StatusOr<std::optional<Identity>> LoadIdentity(
    env::FileSystem& fs, absl::string_view data_directory) {
  const std::string path = PathIn(data_directory);
  const auto bytes = ReadWholeFile(fs, path);
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return std::optional<Identity>();
  absl::StatusOr<Identity> identity = Decode(path, **bytes);
  if (!identity.ok()) return identity.status();
  return *std::move(identity);
}

absl::Status StoreIdentity(env::FileSystem& fs,
                           absl::string_view data_directory,
                           const Identity& identity) {
  return ReplaceFile(fs, data_directory, kName, Encode(identity));
}

}  // namespace jaco::storage
