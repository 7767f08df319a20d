#include "jaco/fsm/validate.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
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

absl::Status ValidateIdentity(absl::string_view name) {
  static constexpr absl::string_view kReserved[] = {
      "local", "system", "bootstrap_key", "anonymous"};
  if (std::find(std::begin(kReserved), std::end(kReserved), name) !=
          std::end(kReserved) ||
      absl::StartsWith(name, "user:") ||
      absl::StartsWith(name, "join_token:")) {
    return Refuse("identity", absl::StrCat("\"", name, "\" is reserved"));
  }
  return ValidateName("identity", name);
}

absl::Status ValidateUserName(absl::string_view name) {
  if (absl::Status status = CheckSize("user name", name, kUserNameBytesMax);
      !status.ok()) {
    return status;
  }
  constexpr absl::string_view kBad = "&<>\":";
  const bool fits =
      std::none_of(name.begin(), name.end(), [&](unsigned char c) {
        return !absl::ascii_isprint(c) ||
               absl::StrContains(kBad, static_cast<char>(c));
      });
  if (!fits) {
    return Refuse("user name",
                  "is not printable ASCII without & < > \" and colon");
  }
  if (UserIdentity(name).size() > kNameBytesMax) {
    return Refuse("user name", "is too long, for one of such characters");
  }
  return absl::OkStatus();
}

std::string UserIdentity(absl::string_view name) {
  std::string identity = "user:";
  for (const char c : name) {
    if (IsNameByte(c) && c != ':') {
      identity.push_back(c);
    } else {
      absl::StrAppend(
          &identity, ":",
          absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return identity;
}

absl::Status ValidateUser(const User& user) {
  if (absl::Status status = ValidateUserName(user.name()); !status.ok()) {
    return status;
  }
  if (user.salt().size() != kPasswordSaltBytes ||
      user.stored_key().size() != kPasswordKeyBytes ||
      user.server_key().size() != kPasswordKeyBytes || user.passes() == 0 ||
      user.passes() > kPasswordPassesMax ||
      user.memory_kib() < kPasswordMemoryKibMin ||
      user.memory_kib() > kPasswordMemoryKibMax) {
    return Refuse("password", "has a salt, keys or a cost that cannot be");
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
