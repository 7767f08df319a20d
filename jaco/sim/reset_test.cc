// Connections that break while the servers at their ends live on.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "jaco/base/time.h"
#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"
#include "jaco/sim/world.h"

namespace jaco::sim {
namespace {

class ResetTest : public testing::TestWithParam<int> {
 protected:
  static SwarmOptions Options() {
    SwarmOptions options;
    options.servers = GetParam();
    return options;
  }

  void RunFor(Duration time) {
    const Instant end = world_.now() + time;
    while (world_.now() < end && world_.Step()) {
    }
  }
  raft::Term Term(NodeNumber number) {
    return world_.node(number).server()->raft()->term();
  }
  std::string Issue(NodeNumber at) {
    auto answer = std::make_shared<std::optional<absl::Status>>();
    world_.node(at).server()->IssueToken(
        {}, {.identity = absl::StrCat("t", ++tokens_)},
        [answer](auto response) { *answer = response.status(); });
    for (int i = 0; i < 100 && !answer->has_value(); ++i) {
      RunFor(Milliseconds(10));
    }
    return answer->has_value() ? (*answer)->ToString() : "no answer";
  }

  Trace trace_{nullptr};
  World world_{1, Options(), trace_};
  int tokens_ = 0;
};

// Its follower takes the leader for gone and asks for pre-votes, which those in
// touch with the leader do not give.
TEST_P(ResetTest, OneFollowersResetsDisturbNobody) {
  RunFor(Seconds(3));
  const NodeNumber leader = world_.Leader();
  ASSERT_NE(leader, kWorld);
  const raft::Term term = Term(leader);
  for (int i = 0; i < 200; ++i) {
    const auto follower = static_cast<NodeNumber>(
        (leader + i % (GetParam() - 1)) % GetParam() + 1);
    ASSERT_NE(follower, leader);
    world_.fabric().ResetConnection(leader, follower);
    RunFor(Milliseconds(70));
    ASSERT_EQ(world_.Leader(), leader);
    ASSERT_EQ(Term(leader), term);
  }
  EXPECT_EQ(Issue(leader), "OK");
  EXPECT_FALSE(world_.findings().first().has_value());
}

// All followers at once can think that it is gone.
TEST_P(ResetTest, AllOfALeadersResetsLeaveALeader) {
  RunFor(Seconds(3));
  for (int i = 0; i < 50; ++i) {
    const NodeNumber leader = world_.Leader();
    for (NodeNumber peer = 1; peer <= world_.servers(); ++peer) {
      if (peer != leader) world_.fabric().ResetConnection(leader, peer);
    }
    RunFor(Milliseconds(500));
    ASSERT_NE(world_.Leader(), kWorld);
    ASSERT_EQ(Issue(world_.Leader()), "OK") << i;
  }
  EXPECT_FALSE(world_.findings().first().has_value());
}

INSTANTIATE_TEST_SUITE_P(Servers, ResetTest, testing::Values(3, 5));

}  // namespace
}  // namespace jaco::sim
