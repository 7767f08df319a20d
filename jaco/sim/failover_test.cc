// How long a cluster is without a leader whose process was killed, with the
// options that jacod has when nothing is said.

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "jaco/base/time.h"
#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"
#include "jaco/sim/world.h"

namespace jaco::sim {
namespace {

constexpr uint64_t kRuns = 150;

class FailoverTest : public testing::TestWithParam<int> {
 protected:
  static Duration TimeWithoutALeader(uint64_t seed, Duration link_delay) {
    SwarmOptions options;
    options.servers = GetParam();
    options.election_timeout = Milliseconds(1000);
    options.heartbeat_interval = Milliseconds(100);
    options.link.delay_base = options.link.delay_tail = link_delay;
    options.settle_time = Seconds(10);
    Trace trace(nullptr);
    World world(seed, options, trace);
    const auto run_until_led = [&world] {
      const Instant end = world.now() + Seconds(30);
      while (world.now() < end && world.Leader() == kWorld && world.Step()) {
      }
    };
    run_until_led();
    const Instant settled = world.now() + Seconds(3);
    while (world.now() < settled && world.Step()) {
    }
    const Instant killed = world.now();
    world.Crash(world.Leader(), StopKind::kKill, Seconds(100));
    run_until_led();
    return world.now() - killed;
  }
};

// Survivors may split their votes, the more often the longer a message takes,
// and must not wait for an election timeout then.
TEST_P(FailoverTest, IsShortAlways) {
  for (const Duration delay : {Microseconds(50), Milliseconds(10)}) {
    std::vector<Duration> times;
    for (uint64_t seed = 1; seed <= kRuns; ++seed) {
      times.push_back(TimeWithoutALeader(seed, delay));
      EXPECT_LT(times.back(), Milliseconds(1000)) << "seed " << seed;
    }
    std::sort(times.begin(), times.end());
    EXPECT_LT(times[kRuns / 2], Milliseconds(300));
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, FailoverTest, testing::Values(3, 5, 7));

}  // namespace
}  // namespace jaco::sim
