// The leader keeps the voters right (server/autopilot.h). Names sort as numbers
// do.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/server/voter_policy.h"
#include "jaco/sim/server/testing/test_cluster.h"

namespace jaco::server {
namespace {

class AutopilotTest : public ClusterTest {
 protected:
  AutopilotTest() { policy_ = true; }

  const raft::Configuration& Members() {
    return At(Leader()).raft()->configuration();
  }
  // As "1 3 4".
  std::string Voters() {
    std::string text;
    for (const raft::NodeId id : Members().voters) {
      absl::StrAppend(&text, text.empty() ? "" : " ", id.value());
    }
    return text;
  }
  void Add(NodeNumber node) {
    Start(node);
    At(node).Join(raft::NodeId(node), [](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
    });
    Run(Milliseconds(100));
    At(Leader()).AddNode(
        raft::NodeId(node), absl::StrCat("n", int{node}), AddressOf(node),
        [](const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; });
  }
  static int BurialsIn(const raft::Raft& raft) {
    int burials = 0;
    const raft::Log& log = raft.log();
    for (auto i = log.start().index.Next(); i <= log.last().index; ++i) {
      if (log.At(i)->kind != raft::EntryKind::kCommand) continue;
      fsm::Command command;
      EXPECT_TRUE(command.ParseFromString(log.At(i)->data));
      burials += command.has_node_remove() ? 1 : 0;
    }
    return burials;
  }
  absl::Status Remove(NodeNumber node) {
    absl::Status result = absl::InternalError("no answer");
    At(Leader()).RemoveNode(
        {}, {.node_name = absl::StrCat("n", int{node})},
        [&result](const absl::StatusOr<RemoveNodeResponse>& response) {
          result = response.status();
        });
    Run(Seconds(1));
    return result;
  }
};

TEST_F(AutopilotTest, MembersThatComeAndGo) {
  Found(1);
  const std::vector<std::string> voters = {"1",
                                           "1",
                                           "1 2 3",
                                           "1 2 3",
                                           "1 2 3 4 5",
                                           "1 2 3 4 5",
                                           "1 2 3 4 5 6 7",
                                           "1 2 3 4 5 6 7",
                                           "1 2 3 4 5 6 7"};
  for (NodeNumber node = 1; node <= 9; ++node) {
    if (node > 1) Add(node);
    Run(Milliseconds(300));  // not settled
    if (node > 1) {
      EXPECT_EQ(Voters(), voters[node - 2]);
    }
    Run(Seconds(2));
    EXPECT_EQ(Voters(), voters[node - 1]);
  }
  // From the end: first those that do not vote.
  for (NodeNumber node = 9; node >= 2; --node) {
    if (node == Leader()) continue;
    EXPECT_TRUE(Remove(node).ok());
    EXPECT_EQ(Members().Contains(raft::NodeId(node)), false);
    EXPECT_EQ(Members().voters.size(), VotersFor(Members().Members().size()));
  }
}

TEST_F(AutopilotTest, AFailoverMovesNothing) {
  Found(3);
  for (const NodeNumber node : {4, 5, 6}) Add(node);
  Run(Seconds(3));
  EXPECT_EQ(Voters(), "1 2 3 4 5");
  for (int i = 0; i < 3; ++i) {
    const NodeNumber leader = Leader();
    PowerLoss(leader);
    Run(Milliseconds(400));
    Start(leader);
    Run(Seconds(3));
    EXPECT_NE(Leader(), 0);
    EXPECT_EQ(Voters(), "1 2 3 4 5");
  }
}

TEST_F(AutopilotTest, AVoterThatStaysDeadIsReplaced) {
  Found(3);
  Add(4);
  Run(Seconds(2));
  const auto dead = static_cast<NodeNumber>(Leader() % 3 + 1);
  PowerLoss(dead);
  Run(Seconds(2));
  EXPECT_EQ(Members().voters.size(), 3u);
  EXPECT_FALSE(Members().IsVoter(raft::NodeId(dead)));
  EXPECT_TRUE(Members().IsVoter(raft::NodeId(4)));
  EXPECT_TRUE(Members().Contains(raft::NodeId(dead)));
  const std::string voters = Voters();
  Start(dead);
  Run(Seconds(3));
  EXPECT_EQ(Voters(), voters);
  // With two of four gone there is nobody to take over.
  PowerLoss(dead);
  PowerLoss(static_cast<NodeNumber>(Leader() == 4 ? dead % 3 + 1 : 4));
  Run(Seconds(3));
  EXPECT_EQ(Voters(), voters);
}

TEST_F(AutopilotTest, ARemovalPutsAnotherInTheVotersPlace) {
  Found(3);
  Add(4);
  Run(Seconds(2));
  const NodeNumber leader = Leader();
  const auto voter = static_cast<NodeNumber>(leader % 3 + 1);
  EXPECT_TRUE(Remove(voter).ok());
  EXPECT_FALSE(Members().Contains(raft::NodeId(voter)));
  EXPECT_EQ(Members().voters.size(), 3u);
  EXPECT_TRUE(Members().IsVoter(raft::NodeId(4)));
  EXPECT_EQ(CodeOf(Remove(voter)), ErrorCode::kNodeNotFound);
  // It comes back empty-handed, and without a vote: three do.
  EXPECT_FALSE(At(leader).state().nodes().contains(voter));
}

TEST_F(AutopilotTest, AVoterThatIsNeededStays) {
  Found(3);
  const NodeNumber leader = Leader();
  PowerLoss(static_cast<NodeNumber>(leader % 3 + 1));
  Run(Milliseconds(400));
  // Of the two that would be left, one votes: the leader.
  EXPECT_TRUE(Remove(static_cast<NodeNumber>((leader + 1) % 3 + 1)).ok());
  EXPECT_EQ(Voters(), absl::StrCat(int{leader}));
}

TEST_F(AutopilotTest, ServersThatStaySilentAreRemoved) {
  remove_dead_after_ = Seconds(5);
  Found(5);
  Add(6);
  Run(Seconds(2));
  const NodeNumber leader = Leader();
  const auto dead = static_cast<NodeNumber>(leader % 5 + 1);
  PowerLoss(dead);
  Run(Seconds(3));
  EXPECT_TRUE(Members().Contains(raft::NodeId(dead)));
  Run(Seconds(4));
  EXPECT_FALSE(Members().Contains(raft::NodeId(dead)));
  EXPECT_FALSE(At(leader).state().nodes().contains(dead));
  EXPECT_EQ(Members().voters.size(), 5u);
}

// The leader dies once the others have the configuration without the silent
// one, and before it hears so and has that one's row removed.
TEST_F(AutopilotTest, WhoeverLeadsNextForgetsWhoWasCleanedUp) {
  remove_dead_after_ = Seconds(5);
  Found(5);
  Run(Seconds(2));
  const NodeNumber leader = Leader();
  const auto dead = static_cast<NodeNumber>(leader % 5 + 1);
  PowerLoss(dead);
  Run(Seconds(4));
  for (int i = 0; i < 200'000 && !Members().IsJoint(); ++i) {
    Run(Microseconds(10));
  }
  for (NodeNumber node = 1; node <= 5; ++node) {
    if (node != leader) fabric_.Cut(node, leader);
  }
  Run(Milliseconds(100));
  PowerLoss(leader);
  for (const auto& [node, process] : processes_) {
    const raft::Raft& raft = *process->server.raft();
    ASSERT_EQ(raft.configuration_index(), raft.last().index);
    ASSERT_TRUE(raft.configuration().IsJoint());
    ASSERT_TRUE(process->server.state().nodes().contains(dead));
  }
  Run(Seconds(4));
  ASSERT_NE(Leader(), 0);
  EXPECT_FALSE(Members().Contains(raft::NodeId(dead)));
  EXPECT_FALSE(At(Leader()).state().nodes().contains(dead));
  EXPECT_TRUE(At(Leader()).state().removed().contains(dead));
}

// Who was cleaned up while it was joining is taken in again by a leader that
// knows nothing of that. The former leader hears that its change is through as
// a follower, and has nothing to say any more.
TEST_F(AutopilotTest, AFormerLeaderForgetsNobody) {
  remove_dead_after_ = Seconds(5);
  Found(3);
  Run(Seconds(2));
  const NodeNumber leader = Leader();
  At(leader).AddNode(
      raft::NodeId(4), "n4", AddressOf(4),
      [](const absl::Status& status) { EXPECT_TRUE(status.ok()); });
  Run(Seconds(3));
  ASSERT_TRUE(Members().Contains(raft::NodeId(4)));
  for (int i = 0; i < 300'000 && Members().Contains(raft::NodeId(4)); ++i) {
    Run(Microseconds(10));
  }
  for (const NodeNumber node : {1, 2, 3}) {
    if (node != leader) fabric_.Cut(node, leader);
  }
  Run(Milliseconds(50));
  for (const NodeNumber node : {1, 2, 3}) {
    if (node == leader) continue;
    EXPECT_FALSE(At(node).raft()->configuration().Contains(raft::NodeId(4)));
    fabric_.Cut(leader, node);
  }
  Run(Seconds(2));
  fabric_.HealAll();
  Run(Seconds(2));
  ASSERT_NE(Leader(), leader);
  for (const raft::NodeId member : Members().Members()) {
    EXPECT_TRUE(At(Leader()).state().nodes().contains(member.value()));
  }
  EXPECT_EQ(Members().Members().size(), 4u);
}

// The others have the removal of the row, and the leader has not: its disk is
// full. What it decides until it hears of that is decided without knowing.
TEST_F(AutopilotTest, WhatIsUndecidedIsNotDecidedOnceMore) {
  remove_dead_after_ = Seconds(5);
  tune_ = [](ServerOptions& options) {
    options.log_segment_bytes = 1024;
    options.snapshots.entries = 100'000;
  };
  int undecided = 0;
  for (uint64_t room = 0; room < 8; ++room) {
    SCOPED_TRACE(room);
    NewDisks(room);
    Found(5);
    Run(Seconds(2));
    const NodeNumber leader = Leader();
    const auto dead = static_cast<NodeNumber>(leader % 5 + 1);
    PowerLoss(dead);
    for (int i = 0; i < 200'000 && !Members().IsJoint(); ++i) {
      Run(Microseconds(50));
    }
    sim::SimFileSystem& files = *files_[leader];
    files.SetCapacity(files.used_bytes() + 512 * room);
    Run(Seconds(40));
    const int burials = BurialsIn(*At(leader).raft());
    EXPECT_LE(burials, 1);
    if (burials == 1 && At(leader).state().nodes().contains(dead)) ++undecided;
    files.SetCapacity(uint64_t{1} << 30);
    Run(Seconds(5));
    EXPECT_FALSE(At(Leader()).state().nodes().contains(dead));
    EXPECT_FALSE(Members().Contains(raft::NodeId(dead)));
  }
  EXPECT_GT(undecided, 0);
}

// The default threshold is shorter than this heartbeat: who answers every one
// is healthy all the same, also when nobody writes.
TEST_F(AutopilotTest, RareHeartbeatsAreNoSilence) {
  tune_ = [](ServerOptions& options) {
    options.raft.heartbeat_interval = Milliseconds(500);
    options.raft.election_timeout = Seconds(2);
    options.autopilot.settle_min = Seconds(3);
  };
  Found(1);
  Add(2);
  Add(3);
  Run(Seconds(20));
  EXPECT_EQ(Voters(), "1 2 3");
}

// Nobody hears anybody while the host sleeps; that is nobody's fault. This
// leader needs nobody's vote, so that it still leads when it looks around
// again.
TEST_F(AutopilotTest, ALeaderThatSleptRemovesNobody) {
  remove_dead_after_ = Seconds(5);
  Found(1);
  Add(2);
  Run(Seconds(3));
  ASSERT_EQ(Voters(), "1");
  const raft::Term term = At(1).raft()->term();
  queue_.Pause(1);
  Run(Seconds(20));
  queue_.Resume(1);
  Run(Seconds(3));
  EXPECT_EQ(At(1).raft()->term(), term);
  EXPECT_EQ(Members().Members().size(), 2u);
}

}  // namespace
}  // namespace jaco::server
