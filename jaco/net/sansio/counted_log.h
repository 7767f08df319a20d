#ifndef JACO_NET_SANSIO_COUNTED_LOG_H_
#define JACO_NET_SANSIO_COUNTED_LOG_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"
#include "jaco/base/time.h"

namespace jaco::net {

// For what strangers can cause as often as they like: everything is counted,
// one line in a while is written, and says how many were not.
class CountedLog {
 public:
  // `logger` is borrowed; `subsystem` is a constant.
  CountedLog(Logger* logger, LogLevel level, absl::string_view subsystem,
             Duration pause = Seconds(10))
      : logger_(logger), level_(level), subsystem_(subsystem), pause_(pause) {}

  void Write(Instant now, absl::string_view message);

  uint64_t count() const { return count_; }

 private:
  Logger* logger_;
  LogLevel level_;
  absl::string_view subsystem_;
  Duration pause_;
  uint64_t count_ = 0;
  uint64_t unsaid_ = 0;
  bool said_ = false;
  Instant said_at_;
};

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_COUNTED_LOG_H_
