// Clusters of real servers whose disks are damaged, or full.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "jaco/base/error.h"
#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"
#include "jaco/sim/world.h"

namespace jaco::sim {
namespace {

using ::testing::HasSubstr;

class RepairTest : public ::testing::Test {
 protected:
  void RunFor(Duration time) {
    const Instant end = world_.now() + time;
    while (world_.now() < end && world_.Step()) {
    }
  }
  server::Server& server(NodeNumber number) {
    return *world_.node(number).server();
  }
  // What `number` answers, and how soon.
  std::string Issue(NodeNumber number, Duration* took = nullptr) {
    auto answer = std::make_shared<std::optional<absl::Status>>();
    const Instant begin = world_.now();
    server(number).IssueToken(
        {}, {.identity = absl::StrCat("t", ++tokens_)},
        [answer](auto response) { *answer = response.status(); });
    std::string code = Await(answer);
    if (took != nullptr) *took = world_.now() - begin;
    return code;
  }
  std::string List(NodeNumber number) {
    auto answer = std::make_shared<std::optional<absl::Status>>();
    server(number).ListTokens(
        {}, [answer](auto response) { *answer = response.status(); });
    return Await(answer);
  }
  std::string Await(
      const std::shared_ptr<std::optional<absl::Status>>& answer) {
    const Instant begin = world_.now();
    while (!answer->has_value() && world_.now() - begin < Seconds(20)) {
      world_.Step();
    }
    if (!answer->has_value()) return "no answer";
    message_ = std::string((*answer)->message());
    return (*answer)->ok() ? "ok"
                           : std::string(ErrorCodeName(CodeOf(**answer)));
  }
  // `leader` writes until it has no room; then it leads on, and all but `down`
  // serve reads.
  void ExpectReadsWithoutRoom(NodeNumber leader, NodeNumber down = kWorld) {
    std::string result = "ok";
    for (int i = 0; i < 200 && result == "ok"; ++i) result = Issue(leader);
    EXPECT_EQ(result, "disk_full");
    for (int i = 0; i < 20; ++i) {
      RunFor(Milliseconds(500));
      ASSERT_EQ(world_.Leader(), leader);
      for (NodeNumber asked = 1; asked <= 3; ++asked) {
        if (asked == down) continue;
        ASSERT_EQ(List(asked), "ok") << int{asked};
      }
    }
  }
  NodeNumber AwaitLeader() {
    for (int i = 0; i < 100 && world_.Leader() == kWorld; ++i) {
      RunFor(Milliseconds(100));
    }
    EXPECT_NE(world_.Leader(), kWorld);
    return world_.Leader();
  }
  void IssueMany(int count) {
    for (int i = 0; i < count; ++i) {
      std::string result;
      for (int tries = 0; result != "ok" && tries < 20; ++tries) {
        result = Issue(AwaitLeader());
        if (result != "ok") RunFor(Milliseconds(200));
      }
      ASSERT_EQ(result, "ok");
    }
  }
  NodeNumber AFollower() { return AwaitLeader() % 3 + 1; }
  // Without regard for how many are damaged.
  void CrashAndDamage(NodeNumber number) {
    world_.Crash(number, StopKind::kKill, Milliseconds(200));
    EXPECT_TRUE(world_.node(number).Damage(DamageKind::kLostWrite, Prng(7)));
  }
  void ExpectSound() {
    EXPECT_FALSE(world_.findings().first().has_value())
        << world_.findings().first()->invariant << ": "
        << world_.findings().first()->detail;
  }

  static SwarmOptions Options() {
    SwarmOptions options;
    options.segment_bytes = 4096;
    return options;
  }

  Trace trace_{nullptr};
  World world_{1, Options(), trace_};
  int tokens_ = 0;
  std::string message_;
};

TEST_F(RepairTest, OneOfThree) {
  IssueMany(60);
  for (const DamageKind kind : {DamageKind::kBitRot, DamageKind::kLostWrite,
                                DamageKind::kMisdirectedWrite}) {
    for (uint64_t n = 0; n < 10; ++n) {
      const NodeNumber node = n % 2 == 0 ? AFollower() : AwaitLeader();
      world_.Damage(node, kind, Milliseconds(300), Prng(n));
      RunFor(Seconds(1));
      IssueMany(3);
      RunFor(Seconds(2));
      EXPECT_FALSE(server(node).raft()->repairing());
      EXPECT_EQ(server(node).raft()->last(),
                server(world_.Leader()).raft()->last());
      ExpectSound();
    }
  }
  EXPECT_EQ(world_.damages(), 30u);
  EXPECT_GT(world_.repairs(), 20u);
}

// It stops, somebody copies what can be read, and then it is repaired.
TEST_F(RepairTest, UnreadableSectors) {
  IssueMany(60);
  for (uint64_t n = 0; n < 30; ++n) {
    const NodeNumber node = n % 2 == 0 ? AFollower() : AwaitLeader();
    const bool now = n % 3 == 0;
    const uint64_t starts = world_.node(node).starts();
    world_.LoseSectors(node, now, Milliseconds(300), Prng(n));
    RunFor(Seconds(1));
    if (!now) {
      EXPECT_EQ(world_.node(node).starts(), starts);
      world_.Crash(node, StopKind::kPowerLoss, Milliseconds(100));
    }
    RunFor(Seconds(2));
    IssueMany(3);
    RunFor(Seconds(2));
    EXPECT_GE(world_.node(node).starts(), starts + 1);
    EXPECT_FALSE(server(node).raft()->repairing());
    EXPECT_EQ(server(node).raft()->last(),
              server(world_.Leader()).raft()->last());
    EXPECT_FALSE(world_.node(node).HasUnreadable());
    ExpectSound();
  }
  EXPECT_GT(world_.repairs(), 15u);
}

// Canary: a recovery that cuts damage off, and says nothing, is found.
TEST_F(RepairTest, ASilentCutIsFound) {
  // Where nothing but the end of a segment is cut.
  for (int i = 0; i < 5 && !world_.findings().first().has_value(); ++i) {
    IssueMany(4);
    world_.Damage(AFollower(), DamageKind::kSilentCut, Milliseconds(300),
                  Prng(1));
    RunFor(Seconds(2));
  }
  ASSERT_TRUE(world_.findings().first().has_value());
  EXPECT_EQ(world_.findings().first()->invariant, "durability");
}

TEST_F(RepairTest, AMajorityElectsNobodyAndSaysWhy) {
  IssueMany(20);
  CrashAndDamage(2);
  CrashAndDamage(3);
  RunFor(Seconds(20));
  EXPECT_EQ(world_.Leader(), kWorld);
  for (const NodeNumber node : {2, 3}) {
    EXPECT_TRUE(server(node).raft()->repairing());
    EXPECT_THAT(server(node).Status().repair, HasSubstr("/jaco/raft/0000"));
    EXPECT_THAT(server(node).Status().repair, HasSubstr("offset"));
    EXPECT_EQ(Issue(node), "data_loss");
    EXPECT_THAT(message_, HasSubstr("/jaco/raft/0000"));
    EXPECT_THAT(message_, HasSubstr("offset"));
  }
  EXPECT_EQ(Issue(1), "quorum_lost");
}

// What is seen must not depend on having seen it happen.
TEST_F(RepairTest, ARestartDoesNotEndARepair) {
  IssueMany(20);
  CrashAndDamage(2);
  CrashAndDamage(3);
  RunFor(Seconds(2));
  for (const NodeNumber node : {2, 3}) {
    world_.Crash(node, StopKind::kPowerLoss, Milliseconds(100));
  }
  RunFor(Seconds(10));
  EXPECT_EQ(world_.Leader(), kWorld);
  EXPECT_THAT(server(2).Status().repair, HasSubstr("/jaco/raft/0000"));
}

TEST_F(RepairTest, AFullDiskHandsLeadershipOver) {
  IssueMany(5);
  const NodeNumber full = AwaitLeader();
  world_.node(full).FillDisk();
  // Until the log needs another segment.
  Duration took;
  std::string result = "ok";
  for (int i = 0; i < 200 && result == "ok"; ++i) result = Issue(full, &took);
  EXPECT_EQ(result, "disk_full");
  EXPECT_LT(took, Seconds(1));
  RunFor(Seconds(2));
  const NodeNumber next = AwaitLeader();
  EXPECT_NE(next, full);
  IssueMany(30);
  EXPECT_EQ(world_.Leader(), next);
  EXPECT_EQ(Issue(full), "ok");  // forwarded
  EXPECT_LT(server(full).raft()->durable(), server(next).raft()->durable());
  world_.node(full).MakeRoom();
  RunFor(Seconds(3));
  EXPECT_EQ(server(full).raft()->durable(),
            server(world_.Leader()).raft()->durable());
  ExpectSound();
}

// Logs are the same everywhere, so equal disks fill at the same time. Nobody
// could be elected: whoever leads stays, and serves reads.
TEST_F(RepairTest, AClusterWithoutAnyRoomServesReads) {
  IssueMany(5);
  const NodeNumber leader = AwaitLeader();
  for (NodeNumber i = 1; i <= 3; ++i) world_.node(i).FillDisk();
  ASSERT_NO_FATAL_FAILURE(ExpectReadsWithoutRoom(leader));
  EXPECT_EQ(Issue(leader), "disk_full");
  for (NodeNumber i = 1; i <= 3; ++i) world_.node(i).MakeRoom();
  RunFor(Seconds(2));
  IssueMany(5);
  ExpectSound();
}

// Nor could anybody while one of the others has no room either, or is down.
TEST_F(RepairTest, WithoutRoomForAnElectionWhoLeadsServesReads) {
  IssueMany(5);
  const NodeNumber leader = AwaitLeader();
  const auto other = static_cast<NodeNumber>(leader % 3 + 1);
  for (const bool down : {false, true}) {
    SCOPED_TRACE(down);
    world_.node(leader).FillDisk();
    if (down) {
      world_.Crash(other, StopKind::kPowerLoss, Seconds(20));
    } else {
      world_.node(other).FillDisk();
    }
    ASSERT_NO_FATAL_FAILURE(
        ExpectReadsWithoutRoom(leader, down ? other : kWorld));
    world_.node(leader).MakeRoom();
    world_.node(other).MakeRoom();
    RunFor(Seconds(12));
    IssueMany(5);
    ASSERT_EQ(AwaitLeader(), leader);
  }
  ExpectSound();
}

TEST_F(RepairTest, AFollowerWithAFullDiskIsNotWaitedFor) {
  IssueMany(5);
  const NodeNumber full = AFollower();
  world_.node(full).FillDisk();
  IssueMany(60);
  const raft::LogIndex durable = server(full).raft()->durable();
  EXPECT_LT(durable, server(world_.Leader()).raft()->commit());
  EXPECT_FALSE(server(full).state().tokens().empty());
  EXPECT_TRUE(server(full).Status().initialized);
  world_.node(full).MakeRoom();
  RunFor(Seconds(3));
  EXPECT_EQ(server(full).raft()->durable(),
            server(world_.Leader()).raft()->durable());
  ExpectSound();
}

}  // namespace
}  // namespace jaco::sim
