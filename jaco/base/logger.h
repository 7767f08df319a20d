// Where a component's log lines go: an object that is handed in, never a
// global. Production writes them through spdlog; the simulator records them.

#ifndef JACO_BASE_LOGGER_H_
#define JACO_BASE_LOGGER_H_

#include "absl/strings/string_view.h"

namespace jaco {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

class Logger {
 public:
  virtual ~Logger() = default;

  // True when a line of `level` would be kept: ask before building a costly
  // message.
  virtual bool Enabled(LogLevel level) const = 0;
  // One line without a newline. `subsystem` is a short constant as "raft".
  // Never pass a secret. Any thread.
  virtual void Write(LogLevel level, absl::string_view subsystem,
                     absl::string_view message) = 0;
};

// Keeps nothing.
class NullLogger final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return false; }
  void Write(LogLevel, absl::string_view, absl::string_view) override {}
};

}  // namespace jaco

#endif  // JACO_BASE_LOGGER_H_
