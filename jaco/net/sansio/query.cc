#include "jaco/net/sansio/query.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "jaco/base/error.h"

namespace jaco::net {
namespace {

bool IsOneOf(absl::string_view text,
             const std::array<absl::string_view, 6>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

absl::StatusOr<std::string> DecodePart(absl::string_view text) {
  return PercentDecode(absl::StrReplaceAll(text, {{"+", " "}}));
}

}  // namespace

absl::StatusOr<Query> Query::Of(absl::string_view target) {
  Query query;
  const size_t mark = target.find('?');
  if (mark == target.npos) return query;
  for (const absl::string_view pair :
       absl::StrSplit(target.substr(mark + 1), '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    const auto key = DecodePart(parts.first);
    if (!key.ok()) return key.status();
    auto value = DecodePart(parts.second);
    if (!value.ok()) return value.status();
    query.values_[*key].push_back(*std::move(value));
  }
  return query;
}

const std::vector<std::string>& Query::All(const std::string& key) const {
  static const auto& none = *new std::vector<std::string>();
  const auto it = values_.find(key);
  return it == values_.end() ? none : it->second;
}

std::optional<std::string> Query::First(const std::string& key) const {
  const auto& all = All(key);
  if (all.empty()) return std::nullopt;
  return all.front();
}

absl::StatusOr<bool> Query::Flag(const std::string& key) const {
  const auto value = First(key);
  if (!value) return false;
  if (IsOneOf(*value, {"", "1", "t", "T", "true", "True"})) return true;
  if (*value == "TRUE") return true;
  if (IsOneOf(*value, {"0", "f", "F", "false", "False", "FALSE"})) return false;
  return MakeError(ErrorCode::kValidationFailed,
                   absl::StrCat("Expect `true` or `false` for `", key,
                                "` query string parameter"));
}

absl::StatusOr<std::optional<uint64_t>> Query::Number(
    const std::string& key) const {
  const auto value = First(key);
  if (!value) return std::optional<uint64_t>();
  uint64_t number = 0;
  if (!absl::SimpleAtoi(*value, &number)) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("query string parameter `", key, "`: \"",
                                  absl::CHexEscape(value->substr(0, 64)),
                                  "\" is no number"));
  }
  return std::optional<uint64_t>(number);
}

absl::StatusOr<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const absl::string_view digits = text.substr(i + 1, 2);
    if (digits.size() != 2 || !absl::ascii_isxdigit(digits[0]) ||
        !absl::ascii_isxdigit(digits[1])) {
      return MakeError(ErrorCode::kValidationFailed,
                       absl::StrCat("broken escape in path: ",
                                    absl::CHexEscape(text.substr(0, 128))));
    }
    absl::StrAppend(&decoded, absl::HexStringToBytes(digits));
    i += 2;
  }
  return decoded;
}

std::string PercentEncode(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-._~", c)) {
      encoded.push_back(c);
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace jaco::net
