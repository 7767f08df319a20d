#include "jaco/sim/sim_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace jaco::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Recorder final : public env::FrameReceiver {
 public:
  void OnFrame(env::PeerId from, absl::string_view frame) override {
    frames.push_back(std::to_string(from) + std::string(frame));
  }
  void OnPeerDown(env::PeerId peer) override { down.push_back(peer); }

  std::vector<std::string> frames;
  std::vector<env::PeerId> down;
};

class SimNetworkTest : public testing::Test {
 protected:
  SimNetworkTest() { Use(LinkOptions{}); }

  void Use(const LinkOptions& options) {
    for (auto& port : ports_) port.reset();
    fabric_ = std::make_unique<Fabric>(queue_, trace_, /*seed=*/1, options);
    for (NodeNumber node : {1, 2, 3}) Open(node);
  }
  void Open(NodeNumber node) {
    ports_[node] = std::make_unique<SimNetwork>(*fabric_, node);
    ports_[node]->Bind(&receivers_[node]);
  }
  void Send(NodeNumber from, NodeNumber to, const std::string& text) {
    ports_[from]->Send({.id = to}, std::make_shared<const std::string>(text));
  }
  void SendMany(int count) {
    for (int i = 0; i < count; ++i) Send(1, 2, std::to_string(i));
  }
  void RunAll() {
    Event event;
    while (queue_.Pop(&event)) event.task();
  }

  EventQueue queue_;
  Trace trace_{nullptr};
  Recorder receivers_[4];
  std::unique_ptr<Fabric> fabric_;
  std::unique_ptr<SimNetwork> ports_[4];
};

TEST_F(SimNetworkTest, DeliversWithDelayAndInOrder) {
  SendMany(100);
  EXPECT_THAT(receivers_[2].frames, IsEmpty());
  RunAll();
  ASSERT_EQ(receivers_[2].frames.size(), 100u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(receivers_[2].frames[i], "1" + std::to_string(i));
  }
  EXPECT_GE(queue_.now() - Instant(), LinkOptions().delay_base);
}

TEST_F(SimNetworkTest, DeliversCopiesLongAfter) {
  Use({.late = 1'000'000, .late_by = Seconds(10)});
  SendMany(20);
  RunAll();
  EXPECT_EQ(receivers_[2].frames.size(), 40u);
  EXPECT_GT(queue_.now(), Instant() + Seconds(5));
}

TEST_F(SimNetworkTest, LosesDuplicatesAndReorders) {
  Use({.loss = 200'000, .duplicate = 200'000, .reorder = 500'000});
  SendMany(1000);
  RunAll();
  const auto& frames = receivers_[2].frames;
  EXPECT_GT(frames.size(), 850u);
  EXPECT_LT(frames.size(), 1100u);
  std::vector<std::string> sorted = frames;
  std::sort(sorted.begin(), sorted.end());
  const auto distinct = static_cast<size_t>(
      std::unique(sorted.begin(), sorted.end()) - sorted.begin());
  EXPECT_GT(distinct, 700u);
  EXPECT_LT(distinct, frames.size());
  EXPECT_FALSE(std::is_sorted(
      frames.begin(), frames.end(), [](const auto& a, const auto& b) {
        return std::stoi(a.substr(1)) < std::stoi(b.substr(1));
      }));
}

TEST_F(SimNetworkTest, ACutIsOneWayAndTakesWhatIsInFlight) {
  Send(1, 2, "a");
  fabric_->Cut(1, 2);
  Send(1, 2, "b");
  Send(2, 1, "c");
  RunAll();
  EXPECT_THAT(receivers_[2].frames, IsEmpty());
  EXPECT_THAT(receivers_[1].frames, ElementsAre("2c"));
  fabric_->HealAll();
  Send(1, 2, "d");
  RunAll();
  EXPECT_THAT(receivers_[2].frames, ElementsAre("1d"));
}

TEST_F(SimNetworkTest, AClogHoldsFramesUntilReleased) {
  fabric_->Clog(1, 2);
  Send(1, 2, "a");
  Send(1, 2, "b");
  RunAll();
  EXPECT_THAT(receivers_[2].frames, IsEmpty());
  fabric_->Release(1, 2);
  Send(1, 2, "c");
  RunAll();
  EXPECT_THAT(receivers_[2].frames, ElementsAre("1a", "1b", "1c"));
}

TEST_F(SimNetworkTest, ACrashIsHeardOfAndMayTakeFramesAlong) {
  Send(1, 2, "kept");
  ports_[1].reset();
  fabric_->ResetConnections(1, /*drop_in_flight=*/false);
  RunAll();
  EXPECT_THAT(receivers_[2].frames, ElementsAre("1kept"));
  EXPECT_THAT(receivers_[2].down, ElementsAre(1));
  EXPECT_THAT(receivers_[3].down, ElementsAre(1));

  Open(1);
  Send(1, 2, "lost");
  Send(3, 1, "lost too");
  Send(3, 2, "kept");
  ports_[1].reset();
  fabric_->ResetConnections(1, /*drop_in_flight=*/true);
  Open(1);
  RunAll();
  EXPECT_THAT(receivers_[2].frames, ElementsAre("1kept", "3kept"));
  EXPECT_THAT(receivers_[1].frames, IsEmpty());
}

// What was meant for a server, or said by one, that is another now.
TEST_F(SimNetworkTest, NothingIsLeftForWhoTakesAPlace) {
  for (const bool replaced : {false, true}) {
    fabric_->Clog(1, 2);
    fabric_->Clog(2, 1);
    Send(1, 2, "held");
    Send(2, 1, "held too");
    if (replaced) fabric_->Replace(1);
    fabric_->Release(1, 2);
    fabric_->Release(2, 1);
    RunAll();
    EXPECT_THAT(receivers_[2].frames, ElementsAre("1held"));
    EXPECT_THAT(receivers_[1].frames, ElementsAre("2held too"));
  }
}

TEST_F(SimNetworkTest, ANarrowLinkTakesItsTimeAndDropsWhatDoesNotFit) {
  Use({.delay_base = Duration(), .delay_tail = Duration()});
  const std::string big(500, 'x');
  fabric_->SetBandwidth(1, 2, {.bytes_per_second = 1000, .queue_bytes = 1000});
  Send(2, 1, "the other way");
  for (const char* name : {"a", "b", "c"}) Send(1, 2, name + big.substr(1));
  RunAll();
  EXPECT_THAT(receivers_[1].frames, ElementsAre("2the other way"));
  EXPECT_THAT(receivers_[2].frames,
              ElementsAre("1a" + big.substr(1), "1b" + big.substr(1)));
  EXPECT_EQ(queue_.now(), Instant() + Seconds(1));
  // However little fits, one frame does.
  Send(1, 2, std::string(2000, 'y'));
  RunAll();
  EXPECT_EQ(receivers_[2].frames.size(), 3u);
  EXPECT_EQ(queue_.now(), Instant() + Seconds(3));
}

TEST_F(SimNetworkTest, WhatWaitsLeavesWhenALinkIsWideAgain) {
  const Bandwidth narrow{.bytes_per_second = 1, .queue_bytes = 1 << 20};
  fabric_->SetBandwidth(1, 2, narrow);
  SendMany(100);
  fabric_->Clog(1, 2);
  fabric_->SetBandwidth(1, 2, {});
  Send(1, 2, "100");
  fabric_->SetBandwidth(1, 2, narrow);
  fabric_->Release(1, 2);
  fabric_->HealAll();
  RunAll();
  ASSERT_EQ(receivers_[2].frames.size(), 101u);
  for (int i = 0; i <= 100; ++i) {
    EXPECT_EQ(receivers_[2].frames[i], "1" + std::to_string(i));
  }
  EXPECT_LT(queue_.now(), Instant() + Seconds(1));
}

TEST_F(SimNetworkTest, AClogStopsATransmission) {
  fabric_->SetBandwidth(1, 2, {.bytes_per_second = 1000, .queue_bytes = 1000});
  SendMany(2);
  fabric_->Clog(1, 2);
  RunAll();
  EXPECT_THAT(receivers_[2].frames, IsEmpty());
  fabric_->Release(1, 2);
  RunAll();
  EXPECT_THAT(receivers_[2].frames, ElementsAre("10", "11"));
}

TEST_F(SimNetworkTest, AResetTakesWhatIsBetweenTwoAndBothHearOfIt) {
  fabric_->Clog(2, 1);
  Send(1, 2, "lost");
  Send(2, 1, "held and lost");
  Send(1, 3, "kept");
  Send(3, 2, "kept");
  fabric_->Release(2, 1);
  fabric_->ResetConnection(1, 2);
  Send(1, 2, "after");
  RunAll();
  EXPECT_THAT(receivers_[1].frames, IsEmpty());
  EXPECT_THAT(receivers_[2].frames, UnorderedElementsAre("3kept", "1after"));
  EXPECT_THAT(receivers_[3].frames, ElementsAre("1kept"));
  EXPECT_THAT(receivers_[1].down, ElementsAre(2));
  EXPECT_THAT(receivers_[2].down, ElementsAre(1));
  EXPECT_THAT(receivers_[3].down, IsEmpty());
}

TEST_F(SimNetworkTest, AResetIsNotHeardThroughACut) {
  fabric_->Cut(1, 2);
  fabric_->Clog(2, 1);
  Send(2, 1, "held");
  fabric_->ResetConnection(1, 2);
  fabric_->HealAll();
  RunAll();
  EXPECT_THAT(receivers_[1].frames, IsEmpty());
  EXPECT_THAT(receivers_[1].down, IsEmpty());
  EXPECT_THAT(receivers_[2].down, IsEmpty());
}

TEST_F(SimNetworkTest, ALinksDrawsDoNotDependOnOtherLinks) {
  const auto arrivals = [this](bool noise) {
    EventQueue queue;
    Fabric fabric(queue, trace_, /*seed=*/9, {});
    SimNetwork one(fabric, 1), two(fabric, 2), three(fabric, 3);
    std::vector<int64_t> times;
    for (int i = 0; i < 20; ++i) {
      const auto frame = std::make_shared<const std::string>("x");
      if (noise) three.Send({.id = 2}, frame);
      one.Send({.id = 2}, frame);
    }
    Event event;
    while (queue.Pop(&event)) {
      if (event.label.peer == 1) times.push_back(queue.now().nanoseconds());
      event.task();
    }
    return times;
  };
  EXPECT_EQ(arrivals(false), arrivals(true));
}

TEST_F(SimNetworkTest, StrangersAndUnboundPortsGetNothing) {
  Send(1, 1, "self");
  ports_[1]->Send({.id = 77}, std::make_shared<const std::string>("x"));
  ports_[3]->Bind(nullptr);
  Send(1, 3, "x");
  RunAll();
  EXPECT_THAT(receivers_[3].frames, IsEmpty());
  EXPECT_THAT(receivers_[1].frames, IsEmpty());
}

}  // namespace
}  // namespace jaco::sim
