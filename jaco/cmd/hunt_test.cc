#include "jaco/cmd/hunt.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "jaco/sim/swarm_options.h"

namespace jaco::sim {
namespace {

TEST(HuntTest, SaysAtWhichSeedAWorkerDied) {
  HuntOptions options;
  options.first = 1;
  options.last = 6;
  options.jobs = 2;
  options.keep_going = true;
  options.options_of = [](uint64_t seed) {
    if (seed == 4) std::abort();
    SwarmOptions drawn = DrawSwarmOptions(seed);
    drawn.fault_time = Seconds(1);
    return drawn;
  };
  HuntResult result = Hunt(options, [](const HuntResult&) {});
  EXPECT_EQ(result.seeds, 6u);
  ASSERT_EQ(result.failures.size(), 1u);
  EXPECT_EQ(result.failures[0].seed, 4u);
  EXPECT_EQ(result.failures[0].outcome, Outcome::kCrash);

  options.keep_going = false;
  result = Hunt(options, [](const HuntResult&) {});
  EXPECT_EQ(result.failures.size(), 1u);
}

TEST(HuntTest, AReportNamesInvariantAndKind) {
  RunResult result;
  result.violation = Violation{"liveness", "a\nb"};
  result.liveness = true;
  const SeedReport report = MakeReport(7, result);
  EXPECT_EQ(report.outcome, Outcome::kLiveness);
  EXPECT_EQ(report.invariant, "liveness");
  EXPECT_EQ(report.detail, "a b");
  EXPECT_EQ(MakeReport(7, RunResult()).outcome, Outcome::kPassed);
}

}  // namespace
}  // namespace jaco::sim
