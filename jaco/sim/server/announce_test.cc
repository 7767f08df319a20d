// Servers that come back elsewhere, and builds of different feature levels.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/base/prng.h"
#include "jaco/server/operator_api.h"
#include "jaco/sim/server/testing/test_cluster.h"

namespace jaco::server {
namespace {

class AnnounceTest : public ClusterTest {
 protected:
  AnnounceTest() { policy_ = true; }

  void Restart(NodeNumber node) {
    PowerLoss(node);
    Start(node);
  }
  // Comes back at an address that nobody has heard of.
  void Move(NodeNumber node) {
    PowerLoss(node);
    moved_[node] = absl::StrCat("10.0.", ++moves_, ".", int{node}, ":7001");
    Start(node);
  }
  NodeNumber Other(int n = 1) {
    return static_cast<NodeNumber>((Leader() - 1 + n) % 3 + 1);
  }
  // Everybody, and the configuration, has everybody where it is.
  void ExpectAllFound(int servers) {
    ASSERT_NE(Leader(), 0);
    for (NodeNumber node = 1; node <= servers; ++node) {
      ASSERT_TRUE(processes_.contains(node));
      for (const auto& [id, address] :
           At(node).raft()->configuration().addresses) {
        EXPECT_EQ(address, AddressNow(static_cast<NodeNumber>(id.value())))
            << int{node} << " of " << id.value();
      }
      for (const auto& [id, row] : At(node).state().nodes()) {
        EXPECT_EQ(row.address(), AddressNow(static_cast<NodeNumber>(id)))
            << int{node} << " of " << id;
      }
    }
    Issue(1);
    Run(Milliseconds(500));
    for (NodeNumber node = 1; node <= servers; ++node) {
      EXPECT_TRUE(
          At(node).state().tokens().contains(absl::StrCat("t", issued_)))
          << int{node};
    }
  }
  void SetAutopilot() {
    std::optional<absl::Status> done;
    AutopilotSettings settings;
    settings.last_contact_threshold = absl::Milliseconds(200);
    settings.server_stabilization_time = absl::ZeroDuration();
    At(1).operators().SetAutopilot(
        {}, {settings, std::nullopt},
        [&](const auto& answer) { done = answer.status(); });
    Run(Seconds(1));
    ASSERT_TRUE(done.has_value());
    ASSERT_TRUE(done->ok()) << *done;
  }
  int AuditedAutopilot(NodeNumber node = 1) {
    int count = 0;
    for (const auto& event : At(node).state().audit()) {
      count += event.type() == fsm::AUDIT_TYPE_AUTOPILOT_SET ? 1 : 0;
    }
    return count;
  }

  int moves_ = 0;
};

TEST_F(AnnounceTest, AServerThatMovedIsFound) {
  Found(3);
  Move(Other());
  Run(Seconds(4));
  ExpectAllFound(3);
  // Also when it leads at the time.
  const NodeNumber leader = Leader();
  Move(leader);
  Run(Seconds(4));
  ExpectAllFound(3);
  // Nobody has to have it in memory.
  for (NodeNumber node = 1; node <= 3; ++node) PowerLoss(node);
  for (NodeNumber node = 1; node <= 3; ++node) Start(node);
  Run(Seconds(4));
  ExpectAllFound(3);
}

TEST_F(AnnounceTest, OneByOneTheyAllMove) {
  Found(3);
  for (NodeNumber node = 1; node <= 3; ++node) {
    Move(node);
    Run(Seconds(4));
  }
  ExpectAllFound(3);
}

TEST_F(AnnounceTest, AServerAloneMoves) {
  Found(1);
  Move(1);
  Run(Seconds(3));
  ExpectAllFound(1);
}

// It never stands for election, and so has nothing else to show itself by.
TEST_F(AnnounceTest, AMemberThatDoesNotVoteMoves) {
  Found(4);
  Run(Seconds(2));
  NodeNumber nonvoter = 1;
  const auto& members = At(Leader()).raft()->configuration();
  while (members.IsVoter(raft::NodeId(nonvoter))) ++nonvoter;
  ASSERT_LE(nonvoter, 4);
  Move(nonvoter);
  Run(Seconds(4));
  ExpectAllFound(4);
}

// Whoever did not move is reached by all others, and can bring them together.
TEST_F(AnnounceTest, AMajorityThatMovesAtOnceIsFoundThroughTheRest) {
  Found(3);
  for (NodeNumber node = 1; node <= 3; ++node) PowerLoss(node);
  for (const NodeNumber node : {2, 3}) {
    moved_[node] = absl::StrCat("10.0.9.", int{node}, ":7001");
  }
  for (NodeNumber node = 1; node <= 3; ++node) Start(node);
  Run(Seconds(10));
  ExpectAllFound(3);
}

TEST_F(AnnounceTest, MovesAmongCrashes) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    NewDisks(seed);
    moved_.clear();
    Found(3);
    Prng prng(seed);
    for (int step = 0; step < 8; ++step) {
      const auto node = static_cast<NodeNumber>(prng.Below(3) + 1);
      prng.Below(2) == 0 ? Move(node) : Restart(node);
      Run(Milliseconds(static_cast<int64_t>(prng.Below(2500))));
    }
    // The last words of the one before are to be heard.
    Run(Seconds(15));
    ExpectAllFound(3);
    ExpectSameLogs(1, 2);
    ExpectSameLogs(2, 3);
  }
}

TEST_F(AnnounceTest, AGateOpensWithTheLastServer) {
  for (NodeNumber node = 1; node <= 3; ++node) levels_[node] = 0;
  Found(3);
  EXPECT_EQ(At(1).state().feature_level(), 0u);
  SetAutopilot();
  for (NodeNumber node = 1; node <= 3; ++node) {
    EXPECT_EQ(At(1).state().feature_level(), 0u);
    EXPECT_EQ(AuditedAutopilot(), 0);
    levels_.erase(node);
    Restart(node);
    Run(Seconds(4));
    SetAutopilot();
  }
  EXPECT_EQ(At(1).state().feature_level(), kFeatureLevel);
  EXPECT_EQ(AuditedAutopilot(), 1);
  for (NodeNumber node = 1; node <= 3; ++node) {
    EXPECT_EQ(At(node).state().digest(), At(1).state().digest());
    EXPECT_EQ(At(node).Status().feature_level, kFeatureLevel);
    EXPECT_EQ(At(node).Status().nodes[0].feature_level, kFeatureLevel);
  }
}

TEST_F(AnnounceTest, ARollbackIsPossibleUntilTheGateOpens) {
  for (NodeNumber node = 1; node <= 3; ++node) levels_[node] = 0;
  Found(3);
  for (const NodeNumber node : {1, 2}) {
    levels_.erase(node);
    Restart(node);
    Run(Seconds(4));
  }
  levels_[1] = 0;
  Restart(1);
  levels_.erase(3);
  Restart(3);
  Run(Seconds(4));
  EXPECT_EQ(At(1).state().feature_level(), 0u);
  EXPECT_EQ(At(2).state().nodes().at(1).feature_level(), 0u);
}

TEST_F(AnnounceTest, AnOlderBuildDoesNotRun) {
  Found(3);
  ASSERT_EQ(At(1).state().feature_level(), kFeatureLevel);
  const NodeNumber old = Other();
  levels_[old] = 0;
  Restart(old);
  Run(Seconds(3));
  const Process& process = *processes_.at(old);
  const absl::Status status =
      process.failed.value_or(process.started.value_or(absl::OkStatus()));
  EXPECT_EQ(CodeOf(status), ErrorCode::kConfigMismatch) << status;
  EXPECT_EQ(At(old).lifecycle(), Lifecycle::kFailed);
  levels_.erase(old);
  Restart(old);
  Run(Seconds(3));
  ExpectAllFound(3);
}

// Its log holds the entry that raised the level, and behind it one that means
// more since; it learns in one go that both are committed.
TEST_F(AnnounceTest, AnOlderBuildStopsBeforeWhatItMayNotKnow) {
  tune_ = [](ServerOptions& options) { options.snapshots.entries = 1000; };
  Found(3);
  SetAutopilot();
  ASSERT_EQ(AuditedAutopilot(1), 1);
  const NodeNumber old = Other();
  levels_[old] = 0;
  Restart(old);
  Run(Seconds(3));
  const Process& process = *processes_.at(old);
  ASSERT_TRUE(process.failed.has_value());
  EXPECT_EQ(CodeOf(*process.failed), ErrorCode::kConfigMismatch);
  EXPECT_EQ(At(old).state().feature_level(), kFeatureLevel);
  EXPECT_EQ(AuditedAutopilot(old), 0);
  levels_.erase(old);
  Restart(old);
  Run(Seconds(3));
  EXPECT_EQ(AuditedAutopilot(old), 1);
  ExpectAllFound(3);
}

// Whoever is gone holds the others back until it is removed.
TEST_F(AnnounceTest, ARemovalRaisesTheLevel) {
  levels_[3] = 0;
  Found(3);
  Run(Seconds(2));
  EXPECT_EQ(At(1).state().feature_level(), 0u);
  PowerLoss(3);
  Run(Seconds(1));
  std::optional<absl::Status> done;
  At(1).operators().RemovePeer(
      {}, {.id = 3}, [&](const auto& answer) { done = answer.status(); });
  Run(Seconds(12));
  ASSERT_TRUE(done.has_value());
  ASSERT_TRUE(done->ok()) << *done;
  EXPECT_EQ(At(1).state().feature_level(), kFeatureLevel);
}

}  // namespace
}  // namespace jaco::server
