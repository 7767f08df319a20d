#include "jaco/sim/sim_clock.h"

#include "jaco/base/check.h"

namespace jaco::sim {
namespace {

constexpr int64_t kMillion = 1'000'000;

}  // namespace

absl::Time SimClock::WallOrigin() {
  return absl::FromUnixSeconds(1'700'000'000);
}

SimClock::SimClock(const EventQueue& queue, const ClockError& error)
    : queue_(queue), error_(error) {
  JACO_CHECK(error.drift_ppm > -kMillion);
}

Instant SimClock::Now() const {
  const int64_t world = queue_.now().nanoseconds();
  const int64_t drift = static_cast<int64_t>(static_cast<__int128>(world) *
                                             error_.drift_ppm / kMillion);
  return Instant::FromNanoseconds(world + drift) + error_.origin;
}

absl::Time SimClock::WallNow() const {
  const Duration since = (Now() - Instant()) - error_.origin + error_.wall;
  return WallOrigin() + absl::Nanoseconds(since.nanoseconds());
}

Instant SimClock::WorldTimeAfter(Duration delay) const {
  if (delay <= Duration()) return queue_.now();
  const int64_t rate = kMillion + error_.drift_ppm;
  // One nanosecond more than the quotient covers the rounding here and in Now.
  const auto world = static_cast<int64_t>(
      static_cast<__int128>(delay.nanoseconds()) * kMillion / rate + 2);
  return queue_.now() + Nanoseconds(world);
}

}  // namespace jaco::sim
