#include "jaco/env/posix/posix_event_loop.h"

#include <sys/resource.h>

#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::env {
namespace {

using ::testing::ElementsAre;

TEST(PosixEventLoopTest, RunsPostedTasksInOrderAndNotAtOnce) {
  PosixEventLoop loop;
  std::vector<int> order;
  loop.Post([&] {
    loop.Post([&] {
      order.push_back(3);
      loop.Stop();
    });
    order.push_back(1);
  });
  loop.Post([&] { order.push_back(2); });
  EXPECT_TRUE(order.empty());
  loop.Run();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(PosixEventLoopTest, RunsTimersByTimeThenByAge) {
  PosixEventLoop loop;
  std::vector<int> order;
  loop.After(Milliseconds(20), [&] {
    order.push_back(4);
    loop.Stop();
  });
  loop.After(Milliseconds(10), [&] { order.push_back(3); });
  loop.After(Milliseconds(-5), [&] { order.push_back(1); });
  loop.After(Milliseconds(0), [&] { order.push_back(2); });
  loop.Run();
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
}

TEST(PosixEventLoopTest, NeverRunsATimerEarly) {
  PosixEventLoop loop;
  const auto start = std::chrono::steady_clock::now();
  loop.After(Milliseconds(15), [&] { loop.Stop(); });
  loop.Run();
  EXPECT_GE(std::chrono::steady_clock::now() - start,
            std::chrono::milliseconds(15));
}

TEST(PosixEventLoopTest, CancelDestroysTheTaskUnrun) {
  PosixEventLoop loop;
  auto token = std::make_shared<int>(0);
  const TimerId timer =
      loop.After(Milliseconds(1), [token] { FAIL() << "was cancelled"; });
  EXPECT_EQ(token.use_count(), 2);
  loop.Cancel(timer);
  EXPECT_EQ(token.use_count(), 1);
  loop.Cancel(timer);
  loop.Cancel(0);
  loop.After(Milliseconds(5), [&] { loop.Stop(); });
  loop.Run();
}

TEST(PosixEventLoopTest, ATimerCanCancelAnotherThatIsDueToo) {
  PosixEventLoop loop;
  TimerId second = 0;
  loop.After(Milliseconds(1), [&] { loop.Cancel(second); });
  second = loop.After(Milliseconds(1), [] { FAIL(); });
  loop.After(Milliseconds(3), [&] { loop.Stop(); });
  loop.Run();
}

TEST(PosixEventLoopTest, AnEarlierTimerOvertakesTheArmedOne) {
  PosixEventLoop loop;
  loop.After(Seconds(3600), [] { FAIL(); });
  loop.Post([&] { loop.After(Milliseconds(1), [&] { loop.Stop(); }); });
  loop.Run();
}

TEST(PosixEventLoopTest, AcceptsADelayBeyondTheEndOfTime) {
  PosixEventLoop loop;
  loop.After(Duration::FromNanoseconds(INT64_MAX), [] { FAIL(); });
  loop.Post([&] { loop.Stop(); });
  loop.Run();
}

TEST(PosixEventLoopTest, TakesPostsFromOtherThreads) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 2000;
  PosixEventLoop loop;
  int ran = 0;  // Of the loop thread only.
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kPosts; ++i) {
        loop.Post([&] {
          if (++ran == kThreads * kPosts) loop.Stop();
        });
      }
    });
  }
  loop.Run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ran, kThreads * kPosts);
}

TEST(PosixEventLoopTest, RunsAgainAfterStop) {
  PosixEventLoop loop;
  int ran = 0;
  for (int i = 0; i < 2; ++i) {
    loop.Post([&] {
      ++ran;
      loop.Stop();
    });
    loop.Run();
  }
  EXPECT_EQ(ran, 2);
}

// Destroys a timer in its destructor, as a server's parts do.
struct CancelsWhenDestroyed {
  ~CancelsWhenDestroyed() { loop->Cancel(timer); }
  PosixEventLoop* loop;
  TimerId timer;
};

TEST(PosixEventLoopTest, DestructionDestroysTasksUnrun) {
  auto token = std::make_shared<int>(0);
  {
    PosixEventLoop loop;
    const TimerId victim = loop.After(Seconds(1), [token] { FAIL(); });
    auto canceller = std::make_shared<CancelsWhenDestroyed>();
    canceller->loop = &loop;
    canceller->timer = victim;
    loop.Post([token, canceller] { FAIL(); });
    loop.After(Milliseconds(0), [token, canceller] { FAIL(); });
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(PosixEventLoopTest, IdleCostsNoWakeUps) {
  PosixEventLoop loop;
  rusage before = {}, after = {};
  loop.After(Milliseconds(200), [&] { loop.Stop(); });
  getrusage(RUSAGE_THREAD, &before);
  loop.Run();
  getrusage(RUSAGE_THREAD, &after);
  EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 3);
}

}  // namespace
}  // namespace jaco::env
