#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/testing.h"

namespace jaco::fsm {
namespace {

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;

class ClusterStateJoinTest : public ::testing::Test {
 protected:
  ClusterStateJoinTest() { EXPECT_EQ(Do(testing::Init()), "ok"); }

  // "ok", or the code of what refused it.
  std::string Do(const Command& command) {
    const Digest before = state_.digest();
    const ApplyResult result = testing::ApplyNext(state_, command);
    if (result.status.ok()) return "ok";
    EXPECT_EQ(state_.digest(), before) << "refused, and changed something";
    return std::string(ErrorCodeName(CodeOf(result.status)));
  }
  std::string Issue(uint64_t hash, const std::string& node_name = "") {
    Command command = At(time_);
    JoinTokenIssue& issue = *command.mutable_join_token_issue();
    issue.set_token_hash(testing::Hash(hash));
    issue.set_life_ms(kDayMs);
    issue.set_node_name(node_name);
    return Do(command);
  }
  std::string Join(uint64_t hash, uint64_t id) {
    return Join(hash, testing::NodeNamed(id, absl::StrCat("node-", id)));
  }
  std::string Join(uint64_t hash, const Node& node) {
    Command command = At(time_);
    command.mutable_node_join()->set_token_hash(testing::Hash(hash));
    *command.mutable_node_join()->mutable_node() = node;
    return Do(command);
  }
  static Command At(int64_t time) {
    Command command = testing::FromLocal();
    command.set_time_unix_ms(time);
    return command;
  }

  int64_t time_ = testing::kTimeUnixMs;
  ClusterState state_;
};

TEST_F(ClusterStateJoinTest, ATokenAdmitsOneNode) {
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Join(7, 2), "ok");
  EXPECT_EQ(state_.nodes().at(2).status(), NODE_STATUS_JOINING);
  EXPECT_EQ(state_.join_tokens().at(testing::Hash(7)).consumed_by(), 2);
  EXPECT_EQ(state_.audit().back().type(), AUDIT_TYPE_NODE_JOIN);
  EXPECT_EQ(Join(7, 3), "join_token_consumed");
  EXPECT_EQ(Join(8, 3), "join_token_invalid");
  EXPECT_EQ(state_.nodes().size(), 2);
}

TEST_F(ClusterStateJoinTest, TheSameNodeMayRepeatIt) {
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Join(7, 2), "ok");
  Node moved = testing::NodeNamed(2, "node-2");
  moved.set_address("10.9.9.9:7001");
  time_ += kDayMs - 1;
  EXPECT_EQ(Join(7, moved), "ok");
  EXPECT_EQ(state_.nodes().at(2).address(), "10.9.9.9:7001");
  EXPECT_EQ(state_.nodes().at(2).status(), NODE_STATUS_JOINING);
  ++time_;
  EXPECT_EQ(Join(7, 2), "join_token_expired");
  // It learns that it was removed all the same.
  EXPECT_EQ(Do(testing::Remove(2)), "ok");
  EXPECT_EQ(Join(7, 2), "join_token_consumed");
  // Another token gives it the name, as another node.
  EXPECT_EQ(Issue(8), "ok");
  EXPECT_EQ(Join(8, testing::NodeNamed(3, "node-2")), "ok");
}

// Whoever had it would be a voter.
TEST_F(ClusterStateJoinTest, AReadyNodesTokenIsOfNoUse) {
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Join(7, 2), "ok");
  EXPECT_EQ(Do(testing::SetStatus(2, NODE_STATUS_READY)), "ok");
  EXPECT_EQ(Join(7, 2), "join_token_consumed");
  EXPECT_EQ(Do(testing::Remove(2)), "ok");
  EXPECT_EQ(Join(7, 2), "join_token_consumed");
}

// A leader's clock may be wrong; the next one's is right.
TEST_F(ClusterStateJoinTest, ATokenFromTheFutureIsNotGoodForLonger) {
  const int64_t now = time_;
  time_ += 365 * kDayMs;
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Issue(8), "ok");
  EXPECT_EQ(Join(7, 2), "ok");
  time_ = now;
  EXPECT_EQ(Join(8, 3), "join_token_expired");
  EXPECT_EQ(Join(7, 2), "join_token_expired");
  EXPECT_EQ(Issue(9), "ok");
  EXPECT_EQ(state_.join_tokens().size(), 1u);
  // Clocks differ a little.
  time_ -= ClusterState::kClockDifferenceMaxMs;
  EXPECT_EQ(Join(9, 4), "ok");
}

TEST_F(ClusterStateJoinTest, NoTokenIsGoodForEver) {
  for (const int64_t life :
       {int64_t{0}, int64_t{-1}, ClusterState::kJoinTokenLifeMaxMs + 1}) {
    Command command = At(time_);
    command.mutable_join_token_issue()->set_token_hash(testing::Hash(7));
    command.mutable_join_token_issue()->set_life_ms(life);
    EXPECT_EQ(Do(command), "validation_failed") << life;
  }
}

TEST_F(ClusterStateJoinTest, ItsVersionIsPrintable) {
  EXPECT_EQ(Issue(7), "ok");
  Node node = testing::NodeNamed(2, "node-2");
  for (const std::string& version :
       {std::string("1.0 beta"), std::string("1\n2"), std::string(129, '1')}) {
    node.set_version(version);
    EXPECT_EQ(Join(7, node), "validation_failed");
  }
  node.set_version("1.0");
  EXPECT_EQ(Join(7, node), "ok");
}

TEST_F(ClusterStateJoinTest, AnotherTokenTakesNoNodeOver) {
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Join(7, 2), "ok");
  EXPECT_EQ(Issue(8), "ok");
  EXPECT_EQ(Join(8, 2), "node_already_member");
  // Nor the one that founded.
  const Node first = state_.nodes().begin()->second;
  EXPECT_EQ(Join(8, first), "node_already_member");
  EXPECT_EQ(Join(8, 3), "ok");
}

TEST_F(ClusterStateJoinTest, ARemovedIdStaysOut) {
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Join(7, 2), "ok");
  EXPECT_EQ(Do(testing::Remove(2)), "ok");
  EXPECT_EQ(Issue(8), "ok");
  EXPECT_EQ(Join(8, testing::NodeNamed(2, "another")), "conflict");
  EXPECT_TRUE(state_.removed().contains(2));
}

TEST_F(ClusterStateJoinTest, ARefusedNodeLeavesTheTokenGood) {
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Join(7, testing::NodeNamed(2, "node-1")), "node_already_member");
  EXPECT_EQ(Join(7, testing::NodeNamed(1, "node-2")), "node_already_member");
  EXPECT_EQ(Join(7, testing::NodeNamed(0, "node-2")), "validation_failed");
  EXPECT_EQ(Join(7, 2), "ok");
}

TEST_F(ClusterStateJoinTest, TokensExpire) {
  EXPECT_EQ(Issue(7), "ok");
  time_ += kDayMs;
  EXPECT_EQ(Join(7, 2), "join_token_expired");
  // Forgotten long after, when another is issued.
  time_ += ClusterState::kJoinTokenMemoryMs + 1;
  EXPECT_EQ(Issue(8), "ok");
  EXPECT_EQ(Join(7, 2), "join_token_invalid");
  EXPECT_EQ(state_.join_tokens().size(), 1);
}

TEST_F(ClusterStateJoinTest, ATokenMayNameItsNode) {
  EXPECT_EQ(Issue(7, "node-2"), "ok");
  EXPECT_EQ(Join(7, 3), "join_token_invalid");
  EXPECT_EQ(Join(7, 2), "ok");
  EXPECT_EQ(Issue(8, "a b"), "validation_failed");
}

TEST_F(ClusterStateJoinTest, OneSecretIsOneToken) {
  EXPECT_EQ(Issue(0), "validation_failed");  // that of `bootstrap`
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Issue(7), "validation_failed");
}

TEST_F(ClusterStateJoinTest, TheirNumberIsBounded) {
  for (uint64_t n = 1; n <= ClusterState::kJoinTokensMax; ++n) {
    ASSERT_EQ(Issue(n), "ok");
  }
  EXPECT_EQ(Issue(5000), "rate_limited");
  time_ += kDayMs;
  EXPECT_EQ(Issue(5000), "ok");
}

TEST_F(ClusterStateJoinTest, TokensAreInSnapshots) {
  EXPECT_EQ(Issue(7), "ok");
  EXPECT_EQ(Join(7, 2), "ok");
  ClusterState other;
  ASSERT_TRUE(other.RestoreSnapshot(state_.TakeSnapshot()()).ok());
  EXPECT_EQ(other.digest(), state_.digest());
  EXPECT_EQ(other.join_tokens().at(testing::Hash(7)).consumed_by(), 2);
}

}  // namespace
}  // namespace jaco::fsm
