#ifndef JACO_CMD_LOG_RING_H_
#define JACO_CMD_LOG_RING_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "jaco/base/logger.h"
#include "jaco/base/time.h"
#include "jaco/env/clock.h"
#include "jaco/net/sansio/log_tail.h"

namespace jaco::cmd {

// Hands every line on to another logger, and remembers the newest. What nobody
// reads in time is gone: no reader makes a writer wait.
class LogRing final : public Logger, public net::LogTail {
 public:
  static constexpr size_t kLinesMax = 4096;
  static constexpr size_t kBytesMax = size_t{1} << 20;
  // A longer line is cut.
  static constexpr size_t kLineBytesMax = 4096;
  // Lines of a level that the other logger does not keep are made for so long
  // after somebody has asked for them.
  static constexpr Duration kWantedFor = Seconds(10);

  // Both outlive this. `run` is another one in every process.
  LogRing(Logger* next, const env::Clock* clock, std::string run)
      : next_(next), clock_(clock), run_(std::move(run)) {}

  bool Enabled(LogLevel level) const override;
  void Write(LogLevel level, absl::string_view subsystem,
             absl::string_view message) override;

  // Any thread.
  net::LogPage Read(const net::LogRequest& request) override;

 private:
  bool IsWanted(LogLevel level) const;
  void Append(LogLevel level, std::string text);

  Logger* const next_;
  const env::Clock* const clock_;
  const std::string run_;
  // Nanoseconds of the monotonic clock, by level; 0: never.
  std::array<std::atomic<int64_t>, 4> wanted_until_{};
  std::mutex mutex_;
  std::deque<net::LogLine> lines_;
  size_t bytes_ = 0;
  uint64_t last_ = 1;
};

}  // namespace jaco::cmd

#endif  // JACO_CMD_LOG_RING_H_
