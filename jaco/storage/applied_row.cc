#include "jaco/storage/applied_row.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/endian.h"
#include "jaco/storage/damage.h"

namespace jaco::storage {
namespace {

constexpr absl::string_view kMagic = "JACOROWS";
constexpr uint32_t kVersion = 1;

}  // namespace

std::string EncodeAppliedRow(raft::LogIndex applied) {
  std::string row(kMagic);
  AppendLittleEndian(kVersion, &row);
  AppendLittleEndian(applied.value(), &row);
  return row;
}

absl::StatusOr<raft::LogIndex> DecodeAppliedRow(absl::string_view row,
                                                absl::string_view directory) {
  ByteReader reader(row);
  const bool magic = reader.ReadBytes(kMagic.size()) == kMagic;
  const auto version = reader.Read<uint32_t>();
  if (magic && reader.ok() && version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory, ": state format version ", version,
                     ", this build knows only ", kVersion));
  }
  const raft::LogIndex applied(reader.Read<uint64_t>());
  if (!magic || !reader.AtEnd()) {
    return DamageError(
        absl::StrCat(directory, ": the row of the applied index is damaged"));
  }
  return applied;
}

}  // namespace jaco::storage
