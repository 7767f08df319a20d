// A member loses its disk and comes back with an empty one. It has forgotten
// what it voted and acknowledged, so it must not be the member any more.

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/sim/server/testing/joining_cluster.h"

namespace jaco::server {
namespace {

class WipeTest : public JoiningClusterTest {
 protected:
  void Form(NodeNumber members) {
    for (NodeNumber node = 2; node <= members; ++node) {
      Start(node);
      ASSERT_EQ(Join(node, 1, NewJoinToken()), "ok");
    }
    Run(Seconds(3));
    ASSERT_EQ(At(Leader()).raft()->configuration().voters.size(), members);
  }
  // Frames to its id go on to reach it, as if it still had its certificate.
  void Wipe(NodeNumber node) {
    certificates_[node] = At(node).raft()->id();
    PowerLoss(node);
    files_[node] = std::make_unique<sim::SimFileSystem>(Prng(node));
    ASSERT_TRUE(files_[node]->CreateDirectory("/data").ok());
    Start(node);
  }
  // It is in no cluster, and does nothing for the one that counts on it.
  void ExpectNobody(NodeNumber node) {
    EXPECT_EQ(At(node).lifecycle(), Lifecycle::kUninitialized);
    EXPECT_EQ(At(node).raft(), nullptr);
    const NodeNumber leader = Leader();
    if (leader == 0) return;
    const raft::Raft& raft = *At(leader).raft();
    for (const raft::Progress& peer : *raft.progress()) {
      if (peer.id == certificates_[node]) {
        EXPECT_LT(peer.match, raft.last().index);
      }
    }
  }
  std::string Remove(NodeNumber asked, NodeNumber node) {
    auto outcome = std::make_shared<std::string>("none");
    At(asked).RemoveNode(
        {}, {.node_name = absl::StrCat("n", int{node}), .force = true},
        [outcome](const absl::StatusOr<RemoveNodeResponse>& response) {
          *outcome =
              response.ok()
                  ? "ok"
                  : std::string(ErrorCodeName(CodeOf(response.status())));
        });
    Run(Seconds(12));
    return *outcome;
  }
  NodeNumber Follower() { return static_cast<NodeNumber>(Leader() % 3 + 1); }
};

TEST_F(WipeTest, ItIsNobodyUntilItJoinsAnew) {
  Form(3);
  for (const bool leads : {false, true}) {
    const NodeNumber wiped = leads ? Leader() : Follower();
    Wipe(wiped);
    Run(Seconds(3));
    ASSERT_NE(Leader(), wiped);
    Issue(5);
    ExpectNobody(wiped);
    EXPECT_EQ(acknowledged_.size(), leads ? 10u : 5u);
    // The name is taken as long as it is a member.
    const NodeNumber leader = Leader();
    EXPECT_EQ(Join(wiped, leader, NewJoinToken("", leader)),
              "node_already_member");
    ExpectNobody(wiped);

    EXPECT_EQ(Remove(leader, wiped), "ok");
    EXPECT_EQ(Join(wiped, Leader(), NewJoinToken("", Leader())), "ok");
    Run(Seconds(5));
    ASSERT_EQ(At(wiped).lifecycle(), Lifecycle::kMember);
    EXPECT_NE(At(wiped).raft()->id(), certificates_[wiped]);
    EXPECT_EQ(At(Leader()).raft()->configuration().voters.size(), 3u);
    EXPECT_EQ(At(wiped).state().digest(), At(Leader()).state().digest());
  }
}

// With its vote there would be two of three.
TEST_F(WipeTest, ItGivesNoVote) {
  Form(3);
  const NodeNumber wiped = Follower();
  NodeNumber other = 1;
  while (other == wiped || other == Leader()) ++other;
  Wipe(wiped);
  PowerLoss(other);
  Run(Seconds(10));
  EXPECT_EQ(Leader(), 0);
  ExpectNobody(wiped);
  Start(other);
  Run(Seconds(3));
  EXPECT_NE(Leader(), 0);
  ExpectNobody(wiped);
}

}  // namespace
}  // namespace jaco::server
