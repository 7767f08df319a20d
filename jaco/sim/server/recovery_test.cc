// A cluster loses its quorum for good, and comes back by raft/peers.json
// (server/peers_file.h).

#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/sim/server/testing/test_cluster.h"

namespace jaco::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr char kPeersJson[] = "/data/raft/peers.json";
constexpr char kPeersInfo[] = "/data/raft/peers.info";

class RecoveryTest : public ClusterTest {
 protected:
  void Write(NodeNumber node, const std::string& path,
             const std::string& text) {
    auto file = files_[node]->Open(path, env::OpenMode::kCreateTruncate);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->WriteAt(0, text).ok());
    ASSERT_TRUE((*file)->Sync().ok());
    ASSERT_TRUE(files_[node]->SyncDirectory("/data/raft").ok());
  }
  static std::string PeersJson(const std::vector<NodeNumber>& nodes) {
    return absl::StrCat("[",
                        absl::StrJoin(nodes, ",",
                                      [](std::string* out, NodeNumber node) {
                                        absl::StrAppend(out, "{\"id\":\"",
                                                        int{node},
                                                        "\",\"address\":\"",
                                                        AddressOf(node), "\"}");
                                      }),
                        "]");
  }
  bool Exists(NodeNumber node, const std::string& path) {
    return *files_[node]->Exists(path);
  }
};

TEST_F(RecoveryTest, OneOfThreeGoesOnAlone) {
  Found(3);
  Issue(50);
  Run(Seconds(1));
  for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
  Write(3, kPeersJson, PeersJson({3}));
  Start(3);
  ASSERT_TRUE(processes_[3]->started->ok()) << *processes_[3]->started;
  EXPECT_FALSE(Exists(3, kPeersJson));
  EXPECT_TRUE(Exists(3, kPeersInfo));
  Run(Seconds(2));
  EXPECT_EQ(Leader(), 3);
  EXPECT_EQ(acknowledged_.size(), 50u);
  EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
  EXPECT_GT(At(3).raft()->term().value(), 1'000'000u);

  // It goes on, also after a restart, and takes new members.
  Issue(20);
  EXPECT_EQ(acknowledged_.size(), 70u);
  PowerLoss(3);
  Start(3);
  Run(Seconds(2));
  EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
  EXPECT_LT(At(3).raft()->term().value(), 2'000'000u);
  EXPECT_EQ(At(3).raft()->configuration().Members(),
            std::vector<raft::NodeId>{raft::NodeId(3)});
  Start(4);
  At(4).Join(raft::NodeId(4),
             [](const absl::Status& s) { EXPECT_TRUE(s.ok()) << s; });
  At(3).AddNonvoter(raft::NodeId(4), AddressOf(4),
                    [](const absl::Status& s) { EXPECT_TRUE(s.ok()) << s; });
  Run(Seconds(3));
  ExpectSameLogs(3, 4);
}

TEST_F(RecoveryTest, TwoOfFiveFormTheClusterAgain) {
  Found(5);
  Issue(50);
  Run(Seconds(1));
  for (NodeNumber node = 1; node <= 5; ++node) PowerLoss(node);
  for (const NodeNumber node : {2, 4}) {
    Write(node, kPeersJson, PeersJson({2, 4}));
    Start(node);
    ASSERT_TRUE(processes_[node]->started->ok());
  }
  Run(Seconds(3));
  Issue(20);
  Run(Seconds(1));
  EXPECT_EQ(acknowledged_.size(), 70u);
  EXPECT_THAT(TokensAt(2), IsSupersetOf(acknowledged_));
  ExpectSameLogs(2, 4);
  EXPECT_EQ(At(2).raft()->configuration().voters.size(), 2u);
}

TEST_F(RecoveryTest, TheVoterPolicyTakesOver) {
  policy_ = true;
  Found(5);
  Issue(5);
  for (NodeNumber node = 1; node <= 5; ++node) PowerLoss(node);
  for (const NodeNumber node : {2, 4}) {
    Write(node, kPeersJson, PeersJson({2, 4}));
    Start(node);
  }
  Run(Seconds(5));
  const raft::Configuration& configuration =
      At(Leader()).raft()->configuration();
  EXPECT_EQ(configuration.voters.size(), 1u);
  EXPECT_EQ(configuration.learners.size(), 1u);
  EXPECT_THAT(TokensAt(2), IsSupersetOf(acknowledged_));
}

// The survivors' logs differ: what only one of them has wins only when its log
// would have won before.
TEST_F(RecoveryTest, SurvivorsThatDifferAgree) {
  for (uint64_t round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    NewDisks(round);
    Found(5);
    Issue(10);
    const NodeNumber lost = Leader();
    const auto a = static_cast<NodeNumber>(lost % 5 + 1);
    const auto b = static_cast<NodeNumber>(a % 5 + 1);
    // The leader goes on alone for a while; then the others without it.
    for (NodeNumber node = 1; node <= 5; ++node) {
      if (node == lost || (round % 2 == 0 && node == a)) continue;
      fabric_.Cut(lost, node);
      fabric_.Cut(node, lost);
    }
    for (int i = 0; i < 5; ++i) {
      At(lost).IssueToken({}, {.identity = absl::StrCat("alone-", i)},
                          [](const auto&) {});
    }
    Run(Milliseconds(100));
    PowerLoss(lost);
    Run(Seconds(3));
    Issue(1 + static_cast<int>(round));
    Run(Seconds(1));
    for (NodeNumber node = 1; node <= 5; ++node) {
      if (node != lost) PowerLoss(node);
    }
    fabric_.HealAll();
    const std::vector<NodeNumber> survivors =
        round < 4 ? std::vector<NodeNumber>{a, b}
                  : std::vector<NodeNumber>{lost, a, b};
    for (const NodeNumber node : survivors) {
      Write(node, kPeersJson, PeersJson(survivors));
      Start(node);
      ASSERT_TRUE(processes_[node]->started->ok());
    }
    Run(Seconds(4));
    Issue(3);
    Run(Seconds(1));
    for (const NodeNumber node : survivors) {
      EXPECT_FALSE(processes_[node]->failed.has_value());
      EXPECT_THAT(TokensAt(node), IsSupersetOf(acknowledged_));
      ExpectSameLogs(survivors[0], node);
    }
  }
}

// Whatever the server was doing when the power failed, the next start applies
// the file or has applied it, once.
TEST_F(RecoveryTest, MayBeCutOffAnywhere) {
  for (uint64_t n = 1; n <= 60; ++n) {
    SCOPED_TRACE(absl::StrCat("the power fails at operation ", n));
    NewDisks(n);
    Found(3);
    Issue(25);
    Run(Seconds(1));
    for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
    Write(3, kPeersJson, PeersJson({3}));
    files_[3]->FailAt(files_[3]->operations() + n,
                      sim::SimFileSystem::Fault::kCrash);
    Start(3);
    PowerLoss(3);
    Start(3);
    ASSERT_TRUE(processes_[3]->started->ok()) << *processes_[3]->started;
    EXPECT_FALSE(Exists(3, kPeersJson));
    Run(Seconds(2));
    EXPECT_EQ(Leader(), 3);
    EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
  }
}

TEST_F(RecoveryTest, ABadFileStopsTheStartAndChangesNothing) {
  Found(3);
  Issue(5);
  PowerLoss(3);
  for (const auto& [text, code, why] :
       std::vector<std::tuple<std::string, ErrorCode, std::string>>{
           {"[", ErrorCode::kParseFailed, "invalid JSON"},
           {"[]", ErrorCode::kValidationFailed, "no voter"},
           {PeersJson({3, 3}), ErrorCode::kValidationFailed, "comes twice"},
           {PeersJson({1}), ErrorCode::kValidationFailed,
            "this server, id 3, is not among the members"},
           {"[\"10.9.9.9:1\"]", ErrorCode::kValidationFailed,
            "no member had the address"},
           {std::string(2 << 20, ' '), ErrorCode::kTooLarge, "the limit is"}}) {
    Write(3, kPeersJson, text);
    Start(3);
    const absl::Status& started = *processes_[3]->started;
    ASSERT_FALSE(started.ok()) << text;
    EXPECT_EQ(CodeOf(started), code) << started;
    EXPECT_THAT(std::string(started.message()), HasSubstr(kPeersJson));
    EXPECT_THAT(std::string(started.message()), HasSubstr(why));
    EXPECT_TRUE(Exists(3, kPeersJson));
    PowerLoss(3);
  }
  ASSERT_TRUE(files_[3]->Remove(kPeersJson).ok());
  Start(3);
  Run(Seconds(2));
  EXPECT_LT(At(3).raft()->term().value(), 1'000'000u);
  EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
}

TEST_F(RecoveryTest, AddressesAloneWillDo) {
  Found(3);
  Issue(5);
  for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
  Write(2, kPeersJson, absl::StrCat("[\"", AddressOf(2), "\"]"));
  Start(2);
  Run(Seconds(2));
  EXPECT_EQ(Leader(), 2);
}

TEST_F(RecoveryTest, AFileWithoutPeersInfoIsRemoved) {
  Found(3);
  PowerLoss(3);
  ASSERT_TRUE(files_[3]->Remove(kPeersInfo).ok());
  Write(3, kPeersJson, PeersJson({3}));
  Start(3);
  ASSERT_TRUE(processes_[3]->started->ok());
  EXPECT_FALSE(Exists(3, kPeersJson));
  EXPECT_TRUE(Exists(3, kPeersInfo));
  EXPECT_EQ(At(3).raft()->configuration().voters.size(), 3u);
}

TEST_F(RecoveryTest, AServerThatNeverHeardFromAClusterHasNothingToRecover) {
  Start(5);
  At(5).Join(raft::NodeId(5),
             [](const absl::Status& s) { EXPECT_TRUE(s.ok()) << s; });
  Run(Seconds(1));
  PowerLoss(5);
  Write(5, kPeersJson, PeersJson({5}));
  Start(5);
  EXPECT_EQ(CodeOf(*processes_[5]->started), ErrorCode::kValidationFailed);
  EXPECT_THAT(std::string(processes_[5]->started->message()),
              HasSubstr("nothing to recover"));
}

}  // namespace
}  // namespace jaco::server
