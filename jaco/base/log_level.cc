#include "jaco/base/log_level.h"

#include <utility>

#include "absl/strings/ascii.h"

namespace jaco {
namespace {

constexpr std::pair<LogLevel, absl::string_view> kColumns[] = {
    {LogLevel::kDebug, "debug"},
    {LogLevel::kInfo, "info "},
    {LogLevel::kWarning, "warn "},
    {LogLevel::kError, "error"}};

}  // namespace

absl::string_view LogLevelName(LogLevel level) {
  return absl::StripTrailingAsciiWhitespace(LogLevelColumn(level));
}

absl::string_view LogLevelColumn(LogLevel level) {
  for (const auto& [known, column] : kColumns) {
    if (known == level) return column;
  }
  return "error";
}

std::optional<LogLevel> LogLevelOf(absl::string_view name) {
  for (const auto& [level, column] : kColumns) {
    if (LogLevelName(level) == name) return level;
  }
  return std::nullopt;
}

}  // namespace jaco
