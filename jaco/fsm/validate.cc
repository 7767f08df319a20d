#include "jaco/fsm/validate.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/error.h"

namespace jaco::fsm {
namespace {

constexpr size_t kTokenHashBytes = 64;

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

absl::Status ValidateTokenHash(absl::string_view hash) {
  if (hash.size() != kTokenHashBytes ||
      !std::all_of(hash.begin(), hash.end(), IsLowerHex)) {
    return Refuse("token hash",
                  absl::StrCat("of ", hash.size(), " bytes is not ",
                               kTokenHashBytes, " lower-case hex characters"));
  }
  return absl::OkStatus();
}

}  // namespace jaco::fsm
