#include "jaco/sim/loss.h"

#include <gtest/gtest.h>

#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"

namespace jaco::sim {
namespace {

class LossTest : public testing::Test {
 protected:
  LossTest() {
    while (!AllStarted(world_) && world_.Step()) {
    }
  }

  static SwarmOptions FiveServers() {
    SwarmOptions options;
    options.servers = 5;
    return options;
  }

  Trace trace_{nullptr};
  World world_{/*seed=*/1, FiveServers(), trace_};
};

TEST_F(LossTest, AQuorumIsLeft) {
  bool none = false;
  bool two = false;
  bool partly = false;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Prng prng(seed);
    const Loss loss = Lose(world_, prng);
    EXPECT_LE(loss.servers.size(), 2u);
    none = none || loss.servers.empty();
    two = two || loss.servers.size() == 2;
    partly = partly || loss.partly;
    world_.HealAll();
    while (!AllStarted(world_) && world_.Step()) {
    }
  }
  EXPECT_TRUE(none && two && partly);
}

}  // namespace
}  // namespace jaco::sim
