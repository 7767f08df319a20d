#include "jaco/sim/event_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "jaco/base/prng.h"

namespace jaco::sim {
namespace {

Instant At(int64_t ns) { return Instant::FromNanoseconds(ns); }

class EventQueueTest : public testing::Test {
 protected:
  EventId Add(int64_t at, int name, NodeNumber node = kWorld,
              EventOwner owner = kWorldOwner) {
    return queue_.Schedule(At(at), owner, {EventKind::kTask, node},
                           [this, name] { ran_.push_back(name); });
  }
  void RunAll() {
    Event event;
    while (queue_.Pop(&event)) event.task();
  }

  EventQueue queue_;
  std::vector<int> ran_;
};

TEST_F(EventQueueTest, RunsByTimeThenByOrderOfScheduling) {
  Add(30, 1);
  Add(10, 2);
  Add(30, 3);
  Add(0, 4);
  Add(10, 5);
  RunAll();
  EXPECT_EQ(ran_, (std::vector<int>{4, 2, 5, 1, 3}));
  EXPECT_EQ(queue_.now(), At(30));
}

TEST_F(EventQueueTest, ThePastIsNow) {
  Add(10, 1);
  Event event;
  ASSERT_TRUE(queue_.Pop(&event));
  Add(10, 2);
  Add(5, 3);
  Add(11, 4);
  RunAll();
  EXPECT_EQ(ran_, (std::vector<int>{2, 3, 4}));
}

TEST_F(EventQueueTest, AnEventOfThisInstantWaitsForOlderOnes) {
  queue_.Schedule(At(10), kWorldOwner, {}, [this] { Add(10, 9); });
  Add(10, 1);
  RunAll();
  EXPECT_EQ(ran_, (std::vector<int>{1, 9}));
}

TEST_F(EventQueueTest, CancelledEventsAreDestroyedAtOnce) {
  auto token = std::make_shared<int>();
  const std::weak_ptr<int> alive = token;
  const EventId id = queue_.Schedule(At(1), kWorldOwner, {},
                                     [token = std::move(token)] { FAIL(); });
  queue_.Cancel(id);
  EXPECT_TRUE(alive.expired());
  EXPECT_EQ(queue_.pending(), 0u);
  Add(1, 1);  // takes over the slot
  queue_.Cancel(id);
  RunAll();
  EXPECT_EQ(ran_, (std::vector<int>{1}));
}

TEST_F(EventQueueTest, AnOwnersEventsDieTogether) {
  const EventOwner owner = queue_.NewOwner();
  Add(1, 1, kWorld, owner);
  Add(0, 2, kWorld, owner);
  Add(2, 3);
  queue_.CancelAll(owner);
  RunAll();
  EXPECT_EQ(ran_, (std::vector<int>{3}));
}

TEST_F(EventQueueTest, APausedNodesEventsWaitAndCanStillBeCancelled) {
  Add(1, 1, 1);
  const EventId cancelled = Add(2, 2, 1);
  Add(3, 3, 2);
  Add(4, 4, 1);
  queue_.Pause(1);
  RunAll();
  EXPECT_EQ(ran_, (std::vector<int>{3}));
  queue_.Resume(1);
  Add(0, 5, 1);
  queue_.Cancel(cancelled);
  RunAll();
  EXPECT_EQ(ran_, (std::vector<int>{3, 1, 4, 5}));
  EXPECT_EQ(queue_.now(), At(4));
}

TEST_F(EventQueueTest, SortsLikeAStableSortWhateverIsCancelled) {
  Prng prng(7);
  std::vector<std::pair<int64_t, int>> expected;
  std::vector<EventId> ids;
  for (int i = 0; i < 2000; ++i) {
    const auto at = static_cast<int64_t>(prng.Below(500));
    ids.push_back(Add(at, i));
    expected.emplace_back(at, i);
  }
  for (int i = 0; i < 1900; ++i) {
    const auto victim = static_cast<size_t>(prng.Below(ids.size()));
    queue_.Cancel(ids[victim]);
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(victim));
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(victim));
  }
  std::stable_sort(
      expected.begin(), expected.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  RunAll();
  ASSERT_EQ(ran_.size(), expected.size());
  for (size_t i = 0; i < ran_.size(); ++i) {
    EXPECT_EQ(ran_[i], expected[i].second);
  }
}

}  // namespace
}  // namespace jaco::sim
