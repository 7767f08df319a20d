// Random worlds of servers that look for each other: at most one cluster ever
// comes to be, and when all is well again every server is a member of it.
//
//   JACO_SEEDS=1..5000 bazel run //jaco/sim/server:bootstrap_swarm_test

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/sim/server/testing/bootstrap_cluster.h"
#include "jaco/sim/server/testing/seeds.h"

namespace jaco::server {
namespace {

class BootstrapSwarmTest : public BootstrapCluster {
 protected:
  void RunSeed(uint64_t seed) {
    prng_ = Prng(seed);
    NewDisks(seed);
    cluster_ids_.clear();
    Draw();
    const Instant end = queue_.now() + prng_.Between(Seconds(2), Seconds(15));
    while (queue_.now() < end) {
      Strike();
      Run(prng_.Between(Milliseconds(1), Milliseconds(250)));
      ASSERT_LE(ClusterIds().size(), 1u);
    }
    Heal();
    for (int i = 0; i < 400 && Members() < servers_; ++i) {
      Run(Milliseconds(250));
      ASSERT_LE(ClusterIds().size(), 1u);
    }
    ASSERT_EQ(Members(), servers_) << AllProgress();
    ASSERT_EQ(ClusterIds().size(), 1u);
  }

 private:
  void Draw() {
    expect_ = static_cast<uint32_t>(prng_.Between(2, 5));
    // Less than twice as many: see the decision.
    servers_ = expect_ + prng_.Below(expect_);
    // A hub, some, or all: what makes them one world.
    retry_join_ = {1};
    for (NodeNumber node = 2; node <= servers_; ++node) {
      if (prng_.Chance(1, 3)) retry_join_.push_back(node);
    }
    cut_.clear();
  }

  void Strike() {
    const auto node = static_cast<NodeNumber>(prng_.Between(1, servers_));
    const bool up = processes_.contains(node);
    switch (prng_.Below(8)) {
      case 0:
      case 1:
      case 2:
        if (up && files_[node]->crashed()) PowerLoss(node);
        if (!processes_.contains(node)) Start(node);
        break;
      case 3:
        if (up) PowerLoss(node);
        break;
      case 4:
        if (!up) break;
        files_[node]->FailAt(files_[node]->operations() + prng_.Between(1, 40),
                             sim::SimFileSystem::Fault::kCrash);
        break;
      case 5:
        Cut();
        break;
      case 6:
        cut_.clear();
        break;
      default:
        loss_percent_ = prng_.Below(40);
        break;
    }
  }

  // Two sides, or a link.
  void Cut() {
    cut_.clear();
    const uint64_t side = prng_.Next();
    for (NodeNumber a = 1; a <= servers_; ++a) {
      for (NodeNumber b = 1; b < a; ++b) {
        if (((side >> a) & 1) != ((side >> b) & 1)) cut_.insert({a, b});
      }
    }
    if (prng_.Chance(1, 3)) {
      cut_ = {{static_cast<NodeNumber>(prng_.Between(1, servers_)),
               static_cast<NodeNumber>(prng_.Between(1, servers_))}};
    }
  }

  void Heal() {
    cut_.clear();
    loss_percent_ = 0;
    for (NodeNumber node = 1; node <= servers_; ++node) {
      if (files_[node]->crashed()) PowerLoss(node);
      files_[node]->FailAt(0, sim::SimFileSystem::Fault::kCrash);
      if (!processes_.contains(node)) Start(node);
    }
  }

  size_t servers_ = 0;
};

class Halves : public BootstrapSwarmTest,
               public ::testing::WithParamInterface<int> {};

TEST_P(Halves, AtMostOneClusterAndInTheEndAllAreInIt) {
  const auto [first, last] = sim::SeedsToRun({1, 300});
  for (uint64_t seed = first; seed <= last; ++seed) {
    if (static_cast<int>(seed % 2) != GetParam()) continue;
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RunSeed(seed);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Halves, ::testing::Values(0, 1));

}  // namespace
}  // namespace jaco::server
