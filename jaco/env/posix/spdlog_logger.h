#ifndef JACO_ENV_POSIX_SPDLOG_LOGGER_H_
#define JACO_ENV_POSIX_SPDLOG_LOGGER_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"

namespace spdlog {
class logger;
}  // namespace spdlog

namespace jaco::env {

// Lines on standard error:
//   2026-01-02T03:04:05.678Z info  raft: became leader of term 3
// Control characters in a message are escaped: a line stays a line, whatever
// a peer has put into it.
class SpdlogLogger final : public Logger {
 public:
  explicit SpdlogLogger(LogLevel level);
  ~SpdlogLogger() override;

  // Any thread.
  void SetLevel(LogLevel level);

  bool Enabled(LogLevel level) const override;
  void Write(LogLevel level, absl::string_view subsystem,
             absl::string_view message) override;

 private:
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace jaco::env

#endif  // JACO_ENV_POSIX_SPDLOG_LOGGER_H_
