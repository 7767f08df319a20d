#include "jaco/fsm/snapshot.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/fsm/row_set.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {
namespace {

constexpr absl::string_view kMagic = "JACOSNAP";
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 8 + 4 + 8 + 8;
constexpr size_t kRowOverheadBytes = 4 + 4;
constexpr size_t kChecksumBytes = 4;

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("snapshot: ", what));
}

// The version goes before the checksum: a later format may keep its own
// elsewhere.
absl::Status CheckFrame(absl::string_view bytes) {
  if (bytes.size() < kHeaderBytes + kChecksumBytes) {
    return Damaged(absl::StrCat("only ", bytes.size(), " bytes"));
  }
  ByteReader header(bytes);
  if (header.ReadBytes(kMagic.size()) != kMagic) return Damaged("bad magic");
  const auto version = header.Read<uint32_t>();
  if (version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("snapshot: format version ", version,
                     ", this build knows only ", kVersion));
  }
  const size_t body_bytes = bytes.size() - kChecksumBytes;
  if (Crc32c(bytes.substr(0, body_bytes)) !=
      LoadLittleEndian<uint32_t>(bytes.data() + body_bytes)) {
    return Damaged("checksum mismatch");
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeSnapshot(raft::LogIndex applied,
                           const std::vector<SharedRow>& rows) {
  size_t size = kHeaderBytes + kChecksumBytes;
  for (const SharedRow& row : rows) {
    const auto& [key, value] = *row;
    size += kRowOverheadBytes + key.size() + value.size();
  }
  std::string out;
  out.reserve(size);
  out.append(kMagic.data(), kMagic.size());
  AppendLittleEndian(kVersion, &out);
  AppendLittleEndian(applied.value(), &out);
  AppendLittleEndian(uint64_t{rows.size()}, &out);
  for (const SharedRow& row : rows) {
    const auto& [key, value] = *row;
    AppendSized(key, &out);
    AppendSized(value, &out);
  }
  AppendLittleEndian(Crc32c(out), &out);
  return out;
}

absl::StatusOr<SnapshotContent> DecodeSnapshot(absl::string_view bytes) {
  if (absl::Status status = CheckFrame(bytes); !status.ok()) return status;
  ByteReader reader(bytes.substr(0, bytes.size() - kChecksumBytes));
  reader.ReadBytes(kMagic.size() + sizeof(kVersion));
  SnapshotContent content;
  content.applied = raft::LogIndex(reader.Read<uint64_t>());
  const auto row_count = reader.Read<uint64_t>();
  // Before reserving: the count may be anything, the bytes are what they are.
  if (row_count > reader.remaining() / kRowOverheadBytes) {
    return Damaged(
        absl::StrCat(row_count, " rows in ", bytes.size(), " bytes"));
  }
  content.rows.reserve(row_count);
  for (uint64_t i = 0; i < row_count; ++i) {
    std::string key(reader.ReadSized());
    std::string value(reader.ReadSized());
    content.rows.emplace_back(std::move(key), std::move(value));
  }
  if (!reader.AtEnd()) return Damaged("rows do not fill it");
  return content;
}

}  // namespace jaco::fsm
