#include "jaco/fsm/validate.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/error.h"

namespace jaco::fsm {
namespace {

constexpr size_t kTokenHashBytes = 64;
constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;
// There are never more voters.
constexpr uint64_t kMinQuorumMax = 7;

absl::Status Refuse(absl::string_view what, absl::string_view why) {
  return MakeError(ErrorCode::kValidationFailed, absl::StrCat(what, " ", why));
}

absl::Status CheckSize(absl::string_view what, absl::string_view text,
                       size_t bytes_max) {
  if (text.empty()) return Refuse(what, "is empty");
  if (text.size() > bytes_max) {
    return Refuse(what, absl::StrCat("has ", text.size(),
                                     " bytes, the limit is ", bytes_max));
  }
  return absl::OkStatus();
}

bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
         c == '_' || c == '@' || c == ':' || c == '-';
}

bool IsLowerHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

absl::Status ValidateName(absl::string_view what, absl::string_view name) {
  if (absl::Status status = CheckSize(what, name, kNameBytesMax);
      !status.ok()) {
    return status;
  }
  if (!std::all_of(name.begin(), name.end(), IsNameByte)) {
    return Refuse(what, absl::StrCat("\"", absl::CHexEscape(name),
                                     "\" has a character outside "
                                     "[A-Za-z0-9._@:-]"));
  }
  return absl::OkStatus();
}

absl::Status ValidateAddress(absl::string_view address) {
  if (absl::Status status =
          CheckSize("node address", address, kAddressBytesMax);
      !status.ok()) {
    return status;
  }
  if (!std::all_of(address.begin(), address.end(),
                   [](unsigned char c) { return absl::ascii_isgraph(c); })) {
    return Refuse("node address", absl::StrCat("\"", absl::CHexEscape(address),
                                               "\" is not printable ASCII"));
  }
  return absl::OkStatus();
}

absl::Status ValidateVersion(absl::string_view version) {
  const bool fits =
      version.size() <= kNameBytesMax &&
      std::all_of(version.begin(), version.end(),
                  [](unsigned char c) { return absl::ascii_isgraph(c); });
  if (fits) return absl::OkStatus();
  return Refuse(
      "version",
      absl::StrCat("\"", absl::CHexEscape(version.substr(0, kNameBytesMax)),
                   "\" is too long or not printable ASCII"));
}

absl::Status ValidateTokenHash(absl::string_view hash) {
  if (hash.size() != kTokenHashBytes ||
      !std::all_of(hash.begin(), hash.end(), IsLowerHex)) {
    return Refuse("token hash",
                  absl::StrCat("of ", hash.size(), " bytes is not ",
                               kTokenHashBytes, " lower-case hex characters"));
  }
  return absl::OkStatus();
}

absl::Status ValidateAutopilot(const AutopilotConfig& config) {
  const auto within = [](int64_t value, int64_t least, int64_t most) {
    return value >= least && value <= most;
  };
  if (!within(config.last_contact_threshold_ns(), 1, kDayNs)) {
    return Refuse("LastContactThreshold", "is not above 0 and up to a day");
  }
  if (!within(config.server_stabilization_time_ns(), 0, kDayNs)) {
    return Refuse("ServerStabilizationTime", "is not from 0 to a day");
  }
  if (config.min_quorum() > kMinQuorumMax) {
    return Refuse("MinQuorum", absl::StrCat("is ", config.min_quorum(),
                                            ", the limit is ", kMinQuorumMax));
  }
  return absl::OkStatus();
}

}  // namespace jaco::fsm
