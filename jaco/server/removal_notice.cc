#include "jaco/server/removal_notice.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "jaco/base/endian.h"

namespace jaco::server {
namespace {

constexpr uint8_t kRemovalNotice = 0x52;
constexpr uint8_t kVersion = 1;

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("removal notice: ", why));
}

}  // namespace

bool IsRemovalNotice(absl::string_view frame) {
  return !frame.empty() && static_cast<uint8_t>(frame[0]) == kRemovalNotice;
}

std::string EncodeRemovalNotice() {
  std::string frame;
  frame.push_back(static_cast<char>(kRemovalNotice));
  frame.push_back(static_cast<char>(kVersion));
  return frame;
}

absl::Status DecodeRemovalNotice(absl::string_view frame) {
  ByteReader reader(frame);
  if (reader.Read<uint8_t>() != kRemovalNotice) {
    return Malformed("another kind");
  }
  const auto version = reader.Read<uint8_t>();
  if (!reader.ok()) return Malformed("cut short");
  if (version != kVersion) {
    return Malformed(absl::StrCat("unknown version ", version,
                                  "; this build knows ", kVersion));
  }
  if (!reader.AtEnd()) {
    return Malformed(absl::StrCat(reader.remaining(), " surplus bytes"));
  }
  return absl::OkStatus();
}

}  // namespace jaco::server
