// The names that log levels have in settings, in the API and in log lines.

#ifndef JACO_BASE_LOG_LEVEL_H_
#define JACO_BASE_LOG_LEVEL_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"

namespace jaco {

// All of them, for messages.
inline constexpr char kLogLevelNames[] = "debug, info, warn, error";

// As "warn".
absl::string_view LogLevelName(LogLevel level);

// As wide as the longest of them.
absl::string_view LogLevelColumn(LogLevel level);

// nullopt: no level is called that.
std::optional<LogLevel> LogLevelOf(absl::string_view name);

}  // namespace jaco

#endif  // JACO_BASE_LOG_LEVEL_H_
