#include "jaco/env/posix/posix_clock.h"

#include <time.h>

#include "absl/time/clock.h"
#include "jaco/base/check.h"

namespace jaco::env {

Instant PosixClock::Now() const {
  timespec time = {};
  JACO_CHECK(clock_gettime(CLOCK_BOOTTIME, &time) == 0);
  return Instant::FromNanoseconds(int64_t{time.tv_sec} * 1'000'000'000 +
                                  time.tv_nsec);
}

absl::Time PosixClock::WallNow() const { return absl::Now(); }

}  // namespace jaco::env
