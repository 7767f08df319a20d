#ifndef JACO_ENV_POSIX_POSIX_CLOCK_H_
#define JACO_ENV_POSIX_POSIX_CLOCK_H_

#include "absl/time/time.h"
#include "jaco/base/time.h"
#include "jaco/env/clock.h"

namespace jaco::env {

// CLOCK_BOOTTIME: it goes on counting while the process is stopped and while
// the machine sleeps, so that a lease cannot outlive either.
class PosixClock final : public Clock {
 public:
  Instant Now() const override;
  absl::Time WallNow() const override;
};

}  // namespace jaco::env

#endif  // JACO_ENV_POSIX_POSIX_CLOCK_H_
