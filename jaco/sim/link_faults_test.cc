#include "jaco/sim/link_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "jaco/sim/trace.h"

namespace jaco::sim {
namespace {

using testing::SizeIs;

constexpr NodeNumber kNodes = 5;
constexpr size_t kLinks = kNodes * (kNodes - 1);
using Links = std::set<std::pair<NodeNumber, NodeNumber>>;

class LinkFaultsTest : public testing::Test {
 protected:
  struct Port final : env::FrameReceiver {
    void OnFrame(env::PeerId from, absl::string_view) override {
      heard->emplace(from, node);
    }
    void OnPeerDown(env::PeerId peer) override { down->emplace(node, peer); }

    NodeNumber node = 0;
    Links* heard = nullptr;
    Links* down = nullptr;
  };

  LinkFaultsTest() {
    for (NodeNumber n = 1; n <= kNodes; ++n) {
      networks_[n] = std::make_unique<SimNetwork>(fabric_, n);
      ports_[n].node = n;
      ports_[n].heard = &heard_;
      ports_[n].down = &down_;
      networks_[n]->Bind(&ports_[n]);
    }
  }

  static Fault Of(FaultKind kind, uint64_t draw) {
    return {.kind = kind, .length = Seconds(1), .draw = draw};
  }
  void SendEverywhere(size_t bytes = 1) {
    for (NodeNumber from = 1; from <= kNodes; ++from) {
      for (uint64_t to = 1; to <= kNodes; ++to) {
        networks_[from]->Send({.id = to},
                              std::make_shared<const std::string>(bytes, 'x'));
      }
    }
  }
  void RunFor(Duration time) {
    const Instant end = queue_.now() + time;
    queue_.Schedule(end, kWorldOwner, {}, [] {});
    Event event;
    while (queue_.now() < end && queue_.Pop(&event)) event.task();
  }
  // Who hears whom of what is sent now.
  Links Open() {
    heard_.clear();
    SendEverywhere();
    RunFor(Milliseconds(10));
    return heard_;
  }

  EventQueue queue_;
  Trace trace_{nullptr};
  Fabric fabric_{queue_, trace_, /*seed=*/1, {.delay_tail = Microseconds(1)}};
  Links heard_;
  Links down_;
  Port ports_[kNodes + 1];
  std::unique_ptr<SimNetwork> networks_[kNodes + 1];
  LinkFaults faults_{fabric_, queue_, kNodes, queue_.NewOwner()};
};

TEST_F(LinkFaultsTest, AChainLeavesNeighboursOnly) {
  std::set<Links> seen;
  for (uint64_t draw = 0; draw < 20; ++draw) {
    const Fault chain = Of(FaultKind::kChain, draw);
    faults_.Strike(chain, {1, 2});
    const Links open = Open();
    seen.insert(open);
    EXPECT_THAT(open, SizeIs(2 * (kNodes - 1)));
    int ends = 0;
    for (NodeNumber n = 1; n <= kNodes; ++n) {
      const auto degree =
          std::count_if(open.begin(), open.end(),
                        [n](const auto& l) { return l.first == n; });
      EXPECT_GE(degree, 1);
      EXPECT_LE(degree, 2);
      if (degree == 1) ++ends;
    }
    EXPECT_EQ(ends, 2);
    for (const auto& [from, to] : open) EXPECT_TRUE(open.contains({to, from}));
    faults_.Undo(chain, {1, 2});
    EXPECT_THAT(Open(), SizeIs(kLinks));
  }
  EXPECT_GT(seen.size(), 5u);
}

TEST_F(LinkFaultsTest, ASwizzleClogsOneByOneAndLosesNothing) {
  EXPECT_FALSE(LinkFaults::NeedsUndoing(FaultKind::kSwizzle));
  faults_.Strike(Of(FaultKind::kSwizzle, 1), {3, 4});
  std::set<size_t> open;
  for (int i = 0; i < 30; ++i) {
    open.insert(Open().size());
    RunFor(Milliseconds(6));
  }
  // 1 s in steps: from half to its end everything closes and opens.
  EXPECT_GT(open.size(), 4u);
  EXPECT_LE(*open.begin(), kLinks - 8);
  for (int i = 0; i < 40; ++i) RunFor(Milliseconds(16));
  EXPECT_THAT(Open(), SizeIs(kLinks));
}

TEST_F(LinkFaultsTest, ANarrowLinkIsWideAgain) {
  const Fault narrow = Of(FaultKind::kNarrow, 1);
  faults_.Strike(narrow, {1, 2});
  SendEverywhere(/*bytes=*/10'000);
  RunFor(Milliseconds(5));
  EXPECT_THAT(heard_, SizeIs(kLinks - 1));
  faults_.Undo(narrow, {1, 2});
  EXPECT_THAT(Open(), SizeIs(kLinks));
}

TEST_F(LinkFaultsTest, AResetIsHeardAtBothEnds) {
  EXPECT_FALSE(LinkFaults::NeedsUndoing(FaultKind::kReset));
  std::set<Links> seen;
  for (uint64_t draw = 0; draw < 20; ++draw) {
    down_.clear();
    faults_.Strike(Of(FaultKind::kReset, draw), {2, 4});
    RunFor(Milliseconds(10));
    seen.insert(down_);
    EXPECT_THAT(Open(), SizeIs(kLinks));
  }
  const Links one = {{2, 4}, {4, 2}};
  const Links all = {{1, 2}, {2, 1}, {2, 3}, {3, 2},
                     {2, 4}, {4, 2}, {2, 5}, {5, 2}};
  EXPECT_THAT(seen, testing::UnorderedElementsAre(one, all));
}

}  // namespace
}  // namespace jaco::sim
