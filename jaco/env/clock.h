#ifndef JACO_ENV_CLOCK_H_
#define JACO_ENV_CLOCK_H_

#include "absl/time/time.h"
#include "jaco/base/time.h"

namespace jaco::env {

// The time of one server. Twins: PosixClock, SimClock. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Monotonic: never goes back within one incarnation of a server, keeps
  // counting while the process is paused. The origin is unspecified and differs
  // between servers and incarnations.
  virtual Instant Now() const = 0;

  // Wall time, for people, certificates and expiry dates. May jump both ways,
  // so nothing of the protocol may depend on it.
  virtual absl::Time WallNow() const = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_CLOCK_H_
