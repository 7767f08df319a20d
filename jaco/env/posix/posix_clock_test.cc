#include "jaco/env/posix/posix_clock.h"

#include <array>
#include <set>

#include "gtest/gtest.h"
#include "jaco/env/posix/posix_entropy.h"

namespace jaco::env {
namespace {

TEST(PosixClockTest, NeverGoesBack) {
  PosixClock clock;
  Instant before = clock.Now();
  for (int i = 0; i < 1000; ++i) {
    const Instant now = clock.Now();
    ASSERT_GE(now, before);
    before = now;
  }
}

TEST(PosixClockTest, KnowsTheCentury) {
  EXPECT_GT(PosixClock().WallNow(), absl::FromUnixSeconds(1'700'000'000));
}

TEST(PosixEntropyTest, FillsDifferently) {
  PosixEntropy entropy;
  std::set<std::array<uint8_t, 16>> seen;
  for (int i = 0; i < 100; ++i) {
    std::array<uint8_t, 16> bytes = {};
    entropy.Fill(absl::MakeSpan(bytes));
    EXPECT_TRUE(seen.insert(bytes).second);
  }
  entropy.Fill({});
}

}  // namespace
}  // namespace jaco::env
