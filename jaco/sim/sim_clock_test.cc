#include "jaco/sim/sim_clock.h"

#include <gtest/gtest.h>

#include <string>

#include "jaco/sim/sim_event_loop.h"

namespace jaco::sim {
namespace {

class SimClockTest : public testing::Test {
 protected:
  void AdvanceTo(Duration world) {
    queue_.Schedule(Instant() + world, kWorldOwner, {}, [] {});
    Event event;
    while (queue_.Pop(&event)) {
    }
  }

  EventQueue queue_;
};

TEST_F(SimClockTest, ShowsOriginAndDrift) {
  SimClock fast(queue_, {.origin = Seconds(100), .drift_ppm = 500});
  SimClock slow(queue_, {.drift_ppm = -500});
  EXPECT_EQ(fast.Now(), Instant() + Seconds(100));
  AdvanceTo(Seconds(1000));
  EXPECT_EQ(fast.Now(), Instant() + Seconds(1100) + Milliseconds(500));
  EXPECT_EQ(slow.Now(), Instant() + Seconds(1000) - Milliseconds(500));
}

TEST_F(SimClockTest, OnlyTheWallJumps) {
  SimClock clock(queue_, {.origin = Seconds(5), .wall = Seconds(2)});
  AdvanceTo(Seconds(10));
  const Instant before = clock.Now();
  EXPECT_EQ(clock.WallNow(), SimClock::WallOrigin() + absl::Seconds(12));
  clock.JumpWall(Seconds(-60));
  EXPECT_EQ(clock.WallNow(), SimClock::WallOrigin() - absl::Seconds(48));
  EXPECT_EQ(clock.Now(), before);
}

TEST_F(SimClockTest, ATimerIsNeverEarlyAndHardlyLate) {
  for (const int64_t ppm : {-900'000, -333, -1, 0, 1, 77, 1000, 900'000}) {
    EventQueue queue;
    SimClock clock(queue, {.origin = Seconds(3), .drift_ppm = ppm});
    SimEventLoop loop(queue, clock, 1, Duration(), Prng(1));
    for (const int64_t ns : {1, 999, 123'456'789}) {
      const Instant due = clock.Now() + Nanoseconds(ns);
      bool ran = false;
      loop.After(Nanoseconds(ns), [&] { ran = true; });
      Event event;
      ASSERT_TRUE(queue.Pop(&event));
      event.task();
      ASSERT_TRUE(ran);
      EXPECT_GE(clock.Now(), due) << ppm << " " << ns;
      EXPECT_LE(clock.Now(), due + Nanoseconds(6)) << ppm << " " << ns;
    }
  }
}

TEST_F(SimClockTest, ALoopTakesItsTasksAlongWhenItGoes) {
  SimClock clock(queue_, {});
  bool ran = false;
  {
    SimEventLoop loop(queue_, clock, 1, Duration(), Prng(1));
    loop.Post([&] { ran = true; });
    loop.After(Seconds(1), [&] { ran = true; });
    loop.Cancel(0);
    EXPECT_EQ(queue_.pending(), 2u);
  }
  EXPECT_EQ(queue_.pending(), 0u);
  AdvanceTo(Seconds(2));
  EXPECT_FALSE(ran);
}

TEST_F(SimClockTest, PostsRunInOrderAndNeverWithinPost) {
  SimClock clock(queue_, {});
  SimEventLoop loop(queue_, clock, 1, Duration(), Prng(1));
  std::string order;
  Event event;
  loop.Post([&] {
    loop.Post([&] { order += 'c'; });
    order += 'a';
  });
  loop.Post([&] { order += 'b'; });
  EXPECT_EQ(order, "");
  while (queue_.Pop(&event)) event.task();
  EXPECT_EQ(order, "abc");
}

}  // namespace
}  // namespace jaco::sim
