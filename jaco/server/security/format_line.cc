#include "jaco/server/security/format_line.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"

namespace jaco::server {

std::string FormatLine(absl::string_view name, uint32_t version) {
  return absl::StrCat(name, " ", version, "\n");
}

absl::Status ConsumeFormatLine(absl::string_view name, uint32_t version,
                               absl::string_view* bytes) {
  const absl::string_view line = bytes->substr(0, bytes->find('\n'));
  absl::string_view number = line;
  uint32_t found = 0;
  if (!absl::ConsumePrefix(&number, absl::StrCat(name, " ")) ||
      !absl::SimpleAtoi(number, &found) ||
      !absl::ConsumePrefix(bytes, FormatLine(name, found))) {
    return MakeError(ErrorCode::kDataLoss, absl::StrCat("no ", name));
  }
  return found == version ? absl::OkStatus() : OtherVersion(found, version);
}

absl::Status OtherVersion(uint32_t found, uint32_t known) {
  return absl::FailedPreconditionError(absl::StrCat(
      "format version ", found, "; this build knows version ", known));
}

}  // namespace jaco::server
