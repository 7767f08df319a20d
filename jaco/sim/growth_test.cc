#include "jaco/sim/growth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"
#include "jaco/sim/workload.h"
#include "jaco/sim/world.h"

namespace jaco::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Many writes, small snapshots and short segments.
class GrowthTest : public testing::Test {
 protected:
  GrowthTest() {
    options_.snapshot_entries = 20;
    options_.snapshot_trailing = 0;
    options_.segment_bytes = 1024;
    options_.clients = 5;
    options_.client_pause = Milliseconds(5);
  }

  std::string OvergrownWith(const SwarmOptions& options) const {
    Trace trace(nullptr);
    World world(/*seed=*/1, options, trace);
    Workload workload(world, /*seed=*/1);
    const Instant end = world.now() + Seconds(10);
    while (world.now() < end && world.Step()) {
    }
    return Overgrown(world, limits_);
  }

  SwarmOptions options_;
  GrowthLimits limits_;
};

TEST_F(GrowthTest, ALogThatIsCompactedIsFine) {
  limits_ = GrowthLimitsOf(options_);
  EXPECT_THAT(OvergrownWith(options_), IsEmpty());
}

TEST_F(GrowthTest, ALogThatIsNotCompactedIsFound) {
  limits_ = GrowthLimitsOf(options_);
  options_.snapshot_entries = 100'000;
  EXPECT_THAT(OvergrownWith(options_), HasSubstr("entries"));
}

TEST_F(GrowthTest, FilesThatStayAreFound) {
  limits_ = GrowthLimitsOf(options_);
  limits_.files = 0;
  limits_.entries = 100'000;
  options_.segment_bytes = 64;
  EXPECT_THAT(OvergrownWith(options_), HasSubstr("files for"));
}

}  // namespace
}  // namespace jaco::sim
