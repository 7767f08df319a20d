#include "jaco/env/posix/spdlog_logger.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "jaco/base/log_level.h"

namespace jaco::env {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

fmt::string_view View(absl::string_view text) {
  return fmt::string_view(text.data(), text.size());
}

}  // namespace

SpdlogLogger::SpdlogLogger(LogLevel level)
    : logger_(std::make_unique<spdlog::logger>(
          "jaco", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %v",
                       spdlog::pattern_time_type::utc);
  SetLevel(level);
}

SpdlogLogger::~SpdlogLogger() = default;

void SpdlogLogger::SetLevel(LogLevel level) {
  logger_->set_level(LevelOf(level));
}

bool SpdlogLogger::Enabled(LogLevel level) const {
  return logger_->should_log(LevelOf(level));
}

void SpdlogLogger::Write(LogLevel level, absl::string_view subsystem,
                         absl::string_view message) {
  if (!Enabled(level)) return;
  std::string escaped;
  if (std::any_of(message.begin(), message.end(), IsControl)) {
    escaped = absl::Utf8SafeCHexEscape(message);
    message = escaped;
  }
  logger_->log(LevelOf(level), "{} {}: {}", View(LogLevelColumn(level)),
               View(subsystem), View(message));
}

}  // namespace jaco::env
