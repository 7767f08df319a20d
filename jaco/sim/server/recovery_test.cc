// A cluster loses its quorum for good, and comes back by raft/peers.json
// (server/peers_file.h).

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/sim/server/testing/test_cluster.h"
#include "jaco/storage/snapshot_store.h"

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
  std::string PeersJson(const std::vector<NodeNumber>& nodes) {
    return absl::StrCat(
        "[",
        absl::StrJoin(nodes, ",",
                      [this](std::string* out, NodeNumber node) {
                        absl::StrAppend(out, "{\"id\":\"", int{node},
                                        "\",\"address\":\"", AddressNow(node),
                                        "\"}");
                      }),
        "]");
  }
  // By its settings, which need not be right.
  void Adjust(NodeNumber node, ServerOptions* options) override {
    if (says_.contains(node)) options->peer_address = says_[node];
  }
  void ExpectEverywhere(NodeNumber node, const std::string& address) {
    for (const NodeNumber at : {1, 2, 3}) {
      std::string known;
      for (const auto& [id, place] : At(at).raft()->configuration().addresses) {
        if (id == raft::NodeId(node)) known = place;
      }
      EXPECT_EQ(known, address) << int{at};
      EXPECT_EQ(At(at).state().nodes().at(node).address(), address) << int{at};
    }
  }
  void RestartAll(const std::string& peers_json = "") {
    for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
    for (const NodeNumber node : {1, 2, 3}) {
      if (!peers_json.empty()) Write(node, kPeersJson, peers_json);
      Start(node);
    }
    Run(Seconds(8));
  }
  // Servers 1, 6 and 7 are left of seven, and 1 has far more than the others,
  // which go on by themselves.
  void GoOnWithoutWhoHasMost() {
    Found(7);
    Issue(5);
    Run(Seconds(1));
    for (const NodeNumber behind : {6, 7}) PowerLoss(behind);
    Issue(40);
    Run(Seconds(1));
    for (NodeNumber node = 1; node <= 5; ++node) PowerLoss(node);
    for (const NodeNumber node : {1, 6, 7}) {
      Write(node, kPeersJson, PeersJson({1, 6, 7}));
    }
    for (const NodeNumber node : {6, 7}) Start(node);
    acknowledged_.clear();
    Run(Seconds(4));
  }
  bool Exists(NodeNumber node, const std::string& path) {
    return *files_[node]->Exists(path);
  }

  std::map<NodeNumber, std::string> says_;
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

// As below. Before it can be compared with the leader's log it counts for
// nothing.
TEST_F(RecoveryTest, WhoHasMoreThanTheElectedIsNotCounted) {
  GoOnWithoutWhoHasMost();
  const NodeNumber leader = Leader();
  Start(1);
  Run(Seconds(1));
  ASSERT_GT(At(1).raft()->log().start().index, At(leader).raft()->last().index);
  PowerLoss(leader == 6 ? 7 : 6);
  const raft::LogIndex commit = At(leader).raft()->commit();
  for (int i = 0; i < 100; ++i) {
    At(leader).IssueToken({}, {.identity = absl::StrCat("burst-", i)},
                          [](const auto&) {});
    Run(Milliseconds(5));
  }
  Run(Seconds(2));
  EXPECT_GT(At(leader).raft()->last().index, commit + 50);
  EXPECT_EQ(At(leader).raft()->commit(), commit);
  EXPECT_TRUE(processes_[1]->failed.has_value());
}

// Two that are behind elect one of theirs before the one that is not comes up:
// what that has is not the cluster's any more. It must not stay a member that
// has another past, nor count as one that has the entries of now.
TEST_F(RecoveryTest, WhoHasMoreThanTheElectedStopsOrStartsOver) {
  for (const int after : {3, 60}) {
    SCOPED_TRACE(after);
    NewDisks(static_cast<uint64_t>(after));
    GoOnWithoutWhoHasMost();
    Issue(after);
    Start(1);
    Run(Seconds(4));
    // Before the others have come as far, nobody can tell.
    const auto& failed = processes_[1]->failed;
    for (int i = 0; i < 60 && !failed.has_value(); ++i) {
      ASSERT_NE(Leader(), 1);
      Issue(1);
    }
    Run(Seconds(1));
    for (const NodeNumber node : {6, 7}) {
      EXPECT_THAT(TokensAt(node), IsSupersetOf(acknowledged_));
    }
    ExpectSameLogs(6, 7);
    if (after == 3) {
      ASSERT_TRUE(failed.has_value());
      EXPECT_EQ(CodeOf(*failed), ErrorCode::kDataLoss);
      EXPECT_THAT(std::string(failed->message()),
                  HasSubstr("in the leader's log"));
    } else {
      // It got the snapshot of those who have more by now.
      EXPECT_FALSE(failed.has_value()) << *failed;
      EXPECT_EQ(At(1).state().digest(), At(6).state().digest());
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

// It was received and never installed. The entries that come will get to its
// index, and are none of those that it stands for.
TEST_F(RecoveryTest, ASnapshotThatTheLogDoesNotLeadToIsRemoved) {
  Found(3);
  Issue(5);
  for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
  const storage::SnapshotStore snapshots("/data/snapshots");
  const storage::Snapshot stray{{raft::Term(1), raft::LogIndex(1000)},
                                {.voters = {raft::NodeId(3)}},
                                "of those that are lost"};
  ASSERT_TRUE(snapshots.Write(*files_[3], stray).ok());
  Write(3, kPeersJson, PeersJson({3}));
  Start(3);
  ASSERT_TRUE(processes_[3]->started->ok()) << *processes_[3]->started;
  EXPECT_FALSE(snapshots.Read(*files_[3], stray.last).ok());
  Run(Seconds(2));
  EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
}

// It may be read again later, and sent: with the members of before.
TEST_F(RecoveryTest, ASnapshotThatCannotBeReadStopsTheStart) {
  Found(3);
  Issue(50);
  for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
  const storage::SnapshotStore snapshots("/data/snapshots");
  const auto found = snapshots.List(*files_[3]);
  ASSERT_GE(found->size(), 2u);
  const auto names = files_[3]->List("/data/snapshots");
  files_[3]->MakeUnreadable(absl::StrCat("/data/snapshots/", names->front()), 0,
                            1);
  Write(3, kPeersJson, PeersJson({3}));
  Start(3);
  const absl::Status& refused = *processes_[3]->started;
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(CodeOf(refused), ErrorCode::kDataLoss) << refused;
  EXPECT_TRUE(Exists(3, kPeersJson));
  PowerLoss(3);
  files_[3]->RereadUnreadable();
  Start(3);
  ASSERT_TRUE(processes_[3]->started->ok()) << *processes_[3]->started;
  for (const raft::EntryId& last : *found) {
    const auto snapshot = snapshots.Read(*files_[3], last);
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(snapshot->configuration.voters,
              std::vector<raft::NodeId>{raft::NodeId(3)});
  }
}

// There would be nobody to repair it from.
TEST_F(RecoveryTest, ADamagedLogIsNotLeftAlone) {
  Found(3);
  Issue(50);
  Run(Seconds(1));
  for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
  // Of one that is not the last the end is no torn write.
  files_[3]->FlipBit("/data/raft/00000000000000000002.log", 300, 3);
  Write(3, kPeersJson, PeersJson({3}));
  Start(3);
  const absl::Status& alone = *processes_[3]->started;
  EXPECT_EQ(CodeOf(alone), ErrorCode::kDataLoss) << alone;
  EXPECT_THAT(std::string(alone.message()), HasSubstr(kPeersJson));
  EXPECT_THAT(std::string(alone.message()), HasSubstr("at offset"));
  EXPECT_TRUE(Exists(3, kPeersJson));
  PowerLoss(3);
  // Sound ones are a majority.
  for (const NodeNumber node : {1, 2, 3}) {
    Write(node, kPeersJson, PeersJson({1, 2, 3}));
    Start(node);
    ASSERT_TRUE(processes_[node]->started->ok()) << *processes_[node]->started;
  }
  Run(Seconds(5));
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

// Server 2 cannot know where it is reached: it says what it always said.
TEST_F(RecoveryTest, TheOperatorKnowsWhereAServerIs) {
  policy_ = true;
  Found(3);
  Run(Seconds(2));
  says_[2] = AddressOf(2);
  moved_[2] = "10.0.9.2:7001";
  RestartAll(PeersJson({1, 2, 3}));
  ExpectEverywhere(2, moved_[2]);
  RestartAll();
  ExpectEverywhere(2, moved_[2]);
  Issue(5);
  Run(Seconds(1));
  EXPECT_THAT(TokensAt(2), IsSupersetOf(acknowledged_));
  // The next file has the last word.
  moved_[2] = "10.0.8.2:7001";
  RestartAll(PeersJson({1, 2, 3}));
  ExpectEverywhere(2, moved_[2]);
  // Until the server has something new to say, and for good.
  for (const std::string address : {"10.0.7.2:7001", "10.0.0.2:7001"}) {
    says_[2] = moved_[2] = address;
    RestartAll();
    ExpectEverywhere(2, address);
  }
}

// It has moved since, and says so as ever.
TEST_F(RecoveryTest, AnAddressThatNobodyKnewIsAnnounced) {
  policy_ = true;
  Found(3);
  Run(Seconds(2));
  const std::string peers = PeersJson({1, 2, 3});
  moved_[2] = "10.0.9.2:7001";
  RestartAll(peers);
  ExpectEverywhere(2, moved_[2]);
}

// Cut off at any operation, it remembers the same.
TEST_F(RecoveryTest, TheOperatorsWordMayBeCutOffAnywhere) {
  for (uint64_t n = 1; n <= 60; n += 2) {
    SCOPED_TRACE(absl::StrCat("the power fails at operation ", n));
    moved_.clear();
    says_.clear();
    NewDisks(n);
    Found(1);
    Run(Seconds(1));
    PowerLoss(1);
    says_[1] = AddressOf(1);
    moved_[1] = "10.0.9.1:7001";
    Write(1, kPeersJson, PeersJson({1}));
    files_[1]->FailAt(files_[1]->operations() + n,
                      sim::SimFileSystem::Fault::kCrash);
    Start(1);
    PowerLoss(1);
    Start(1);
    ASSERT_TRUE(processes_[1]->started->ok()) << *processes_[1]->started;
    Run(Seconds(3));
    EXPECT_EQ(At(1).raft()->configuration().addresses[0].second, moved_[1]);
    EXPECT_EQ(At(1).state().nodes().at(1).address(), moved_[1]);
  }
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
