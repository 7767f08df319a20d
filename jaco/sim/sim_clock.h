#ifndef JACO_SIM_SIM_CLOCK_H_
#define JACO_SIM_SIM_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"
#include "jaco/base/time.h"
#include "jaco/env/clock.h"
#include "jaco/sim/event_queue.h"

namespace jaco::sim {

// How one node's clock differs from the world's time.
struct ClockError {
  Duration origin;  // what the node's clock shows when the world's shows 0
  int64_t drift_ppm = 0;  // how much faster it runs; above -1'000'000
  Duration wall;          // its wall clock minus the truth
};

// The clock of one incarnation. `queue` outlives it.
class SimClock final : public env::Clock {
 public:
  // The wall time at the world's beginning.
  static absl::Time WallOrigin();

  SimClock(const EventQueue& queue, const ClockError& error);

  Instant Now() const override;
  absl::Time WallNow() const override;

  void JumpWall(Duration by) { error_.wall = error_.wall + by; }

  // The world's time when `delay` has passed here, from now on; not earlier.
  Instant WorldTimeAfter(Duration delay) const;

 private:
  const EventQueue& queue_;
  ClockError error_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_CLOCK_H_
