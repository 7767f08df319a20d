#ifndef JACO_NET_SANSIO_COUNTED_LOG_H_
#define JACO_NET_SANSIO_COUNTED_LOG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"
#include "jaco/base/time.h"

namespace jaco::net {

// For what strangers can cause as often as they like: everything is counted,
// of each kind one line in a while is written, and a line says how many before
// it were not. So one kind, however often it happens, hides no other.
class CountedLog {
 public:
  // So many kinds are told apart in a `pause`; those beyond are counted only.
  static constexpr size_t kKindsMax = 8;

  // `logger` is borrowed; `subsystem` is a constant.
  CountedLog(Logger* logger, LogLevel level, absl::string_view subsystem,
             Duration pause = Seconds(10))
      : logger_(logger), level_(level), subsystem_(subsystem), pause_(pause) {}

  // `kind` is what messages have in common that differ in who did it.
  void Write(Instant now, absl::string_view kind, absl::string_view message);

  uint64_t count() const { return count_; }

 private:
  struct Said {
    std::string kind;
    Instant at;
  };

  // Whether a line of `kind` may be written now; notes that it is.
  bool Take(Instant now, absl::string_view kind);

  Logger* logger_;
  LogLevel level_;
  absl::string_view subsystem_;
  Duration pause_;
  uint64_t count_ = 0;
  uint64_t unsaid_ = 0;
  std::vector<Said> said_;  // within the last `pause_`, the oldest first
};

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_COUNTED_LOG_H_
