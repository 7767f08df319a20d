// Servers that were admitted and hear from no leader: they find out why, say
// so, and get in without being wiped.

#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/backup_format.h"
#include "jaco/server/security/keyring.h"
#include "jaco/server/security/secrets.h"
#include "jaco/sim/server/testing/joining_cluster.h"

namespace jaco::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class NewcomerTest : public JoiningClusterTest {
 protected:
  void Adjust(NodeNumber node, ServerOptions* options) override {
    JoiningClusterTest::Adjust(node, options);
    if (says_.contains(node)) options->peer_address = says_[node];
    options->seal_key = seal_key_;
    if (!names_.contains(node)) return;
    options->node_name = names_[node];
    JoiningClusterTest::Adjust(node, options);
  }
  // Server `node` tells an address where nobody is.
  void JoinFromNowhere(NodeNumber node) {
    says_[node] = absl::StrCat("10.9.9.", int{node}, ":7001");
    Start(node);
    ASSERT_EQ(Join(node, 1, NewJoinToken()), "ok");
    Run(Seconds(8));
    ASSERT_EQ(At(node).raft()->last().index.value(), 0u);
  }
  void Restart(NodeNumber node) {
    PowerLoss(node);
    Start(node);
  }
  std::string Joining(NodeNumber node) { return At(node).Status().joining; }
  std::string Remove(NodeNumber node) {
    std::string outcome = "none";
    At(1).RemoveNode({}, {.node_name = absl::StrCat("n", int{node})},
                     [&outcome](const auto& response) {
                       outcome =
                           response.ok() ? "ok" : response.status().ToString();
                     });
    Run(Seconds(8));
    return outcome;
  }
  void ExpectIn(NodeNumber node) {
    Run(Seconds(5));
    EXPECT_EQ(At(node).lifecycle(), Lifecycle::kMember);
    EXPECT_EQ(Joining(node), "");
    EXPECT_EQ(At(1).state().nodes().size(), 2u);
    EXPECT_EQ(At(1).state().digest(), At(node).state().digest());
    const auto& row = At(1).state().nodes().at(At(node).raft()->id().value());
    EXPECT_EQ(row.status(), fsm::NODE_STATUS_READY);
    EXPECT_EQ(row.address(), AddressNow(node));
    EXPECT_FALSE(*files_[node]->Exists("/data/node/joining"));
  }

  // What the files of server `node` have as its name in its certificate.
  std::string CertifiedName(NodeNumber node) {
    const auto secrets = LoadSecrets(*files_[node], "/data", nullptr);
    if (!secrets.ok() || !secrets->has_value()) return "no secrets";
    const Credentials& ours = (*secrets)->credentials;
    const auto info = processes_.at(1)->pki.VerifyNode(
        ours.certificates, ours.bundle, processes_.at(1)->clock.WallNow());
    return info.ok() ? info->names.node_name : info.status().ToString();
  }
  std::string NameInBackup(NodeNumber node) {
    std::string name;
    At(node).Backup(Caller::Local(), [&](const auto& response) {
      ASSERT_TRUE(response.ok()) << response.status();
      const auto content = DecodeBackup(response->archive);
      if (content.ok()) name = content->meta.node_name;
    });
    Run(Seconds(1));
    return name;
  }

  std::map<NodeNumber, std::string> says_, names_;
  std::shared_ptr<const Keyring> seal_key_;
};

TEST_F(NewcomerTest, AWrongAddressIsToldAndMended) {
  JoinFromNowhere(2);
  EXPECT_THAT(Joining(2), HasSubstr("at 10.9.9.2:7001. If that stays so"));
  EXPECT_THAT(Joining(2), HasSubstr("correct cluster_addr"));
  // The setting is put right; that is all.
  says_.clear();
  Restart(2);
  ExpectIn(2);
}

TEST_F(NewcomerTest, ATokenThatIsKeptIsSealed) {
  const auto key = Keyring::FromText(std::string(64, 'a'));
  ASSERT_TRUE(key.ok());
  seal_key_ = std::make_shared<const Keyring>(*key);
  says_[2] = "10.9.9.2:7001";
  Start(2);
  const std::string token = NewJoinToken();
  ASSERT_EQ(Join(2, 1, token), "ok");
  Run(Seconds(8));
  const std::string kept = files_[2]->Contents("/data/node/joining");
  EXPECT_THAT(kept, HasSubstr("jaco-bs"));
  EXPECT_THAT(kept, Not(HasSubstr(token.substr(0, 64))));
  says_.clear();
  Restart(2);
  ExpectIn(2);
}

TEST_F(NewcomerTest, AFullDiskKeepsItWhatItIs) {
  JoinFromNowhere(2);
  const raft::NodeId before = At(2).raft()->id();
  EXPECT_EQ(Remove(2), "ok");
  const std::string token = NewJoinToken();
  files_[2]->SetCapacity(files_[2]->used_bytes());
  EXPECT_EQ(Join(2, 1, token), "disk_full");
  EXPECT_FALSE(processes_.at(2)->failed.has_value());
  EXPECT_EQ(At(2).raft()->id(), before);
  files_[2]->SetCapacity(std::numeric_limits<uint64_t>::max());
  says_.clear();
  EXPECT_EQ(Join(2, 1, token), "ok");
  Run(Seconds(2));
  EXPECT_NE(At(2).raft()->id(), before);
}

// Each time is a certificate and an entry in everybody's log.
TEST_F(NewcomerTest, ItAsksAfterEverLongerTimes) {
  JoinFromNowhere(2);
  const uint64_t id = At(2).raft()->id().value();
  std::set<uint64_t> changes;
  for (int i = 0; i < 600; ++i) {
    Run(Seconds(1));
    changes.insert(At(1).state().nodes().at(id).modify_index());
  }
  EXPECT_GT(changes.size(), 5u);
  EXPECT_LT(changes.size(), 20u);
}

TEST_F(NewcomerTest, ANewTokenIsFineToo) {
  JoinFromNowhere(2);
  const raft::NodeId before = At(2).raft()->id();
  const std::string token = NewJoinToken();
  says_.clear();
  Restart(2);
  EXPECT_EQ(Join(2, 1, token), "ok");
  ExpectIn(2);
  // It is no other node for that.
  EXPECT_EQ(At(2).raft()->id(), before);
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "cluster_already_initialized");
}

TEST_F(NewcomerTest, OneThatWasRemovedLearnsIt) {
  JoinFromNowhere(2);
  EXPECT_EQ(Remove(2), "ok");
  EXPECT_EQ(At(1).state().nodes().size(), 1u);
  Run(Seconds(60));
  EXPECT_EQ(At(2).lifecycle(), Lifecycle::kRemoved);
  std::string refusal;
  At(2).JoinServers({}, {{"10.0.0.1:7000"}}, [&](const auto& answer) {
    refusal = std::string(ErrorCodeName(CodeOf(answer.status())));
  });
  Run(Seconds(1));
  EXPECT_EQ(refusal, "not_a_member");
  // Also when it has been down.
  Restart(2);
  Run(Seconds(2));
  EXPECT_EQ(At(2).lifecycle(), Lifecycle::kRemoved);
  says_.clear();
  Restart(2);
  Run(Seconds(2));
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "ok");
  ExpectIn(2);
}

// Without knowing that it was removed.
TEST_F(NewcomerTest, OneThatWasRemovedJoinsAnew) {
  JoinFromNowhere(2);
  const raft::NodeId before = At(2).raft()->id();
  PowerLoss(2);
  EXPECT_EQ(Remove(2), "ok");
  says_.clear();
  const std::string token = NewJoinToken();
  Start(2);
  EXPECT_EQ(Join(2, 1, token), "ok");
  ExpectIn(2);
  EXPECT_NE(At(2).raft()->id(), before);
}

// The token that it was admitted with is good for a day.
TEST_F(NewcomerTest, OneThatWasCutOffForLongJoinsAnew) {
  JoinFromNowhere(2);
  constexpr Duration kLate = Seconds(25 * 3600);
  processes_.at(1)->clock.JumpWall(kLate);
  says_.clear();
  Restart(2);
  processes_.at(2)->clock.JumpWall(kLate);
  Run(Seconds(2));
  EXPECT_THAT(Joining(2), HasSubstr("join_token_expired"));
  EXPECT_THAT(Joining(2), HasSubstr("with a new token"));
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "node_already_member");
  EXPECT_EQ(Remove(2), "ok");
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "ok");
  ExpectIn(2);
}

TEST_F(NewcomerTest, AMemberThatIsGoneIsNamed) {
  Start(3);
  ASSERT_EQ(Join(3, 1, NewJoinToken()), "ok");
  Run(Seconds(3));
  says_[2] = "10.9.9.2:7001";
  Start(2);
  ASSERT_EQ(Join(2, 3, NewJoinToken()), "ok");
  PowerLoss(3);
  Run(Seconds(8));
  EXPECT_THAT(Joining(2), HasSubstr("asking 3 again: peer_unreachable"));
  EXPECT_THAT(Joining(2), HasSubstr("another one as --peer"));
  // The one that it used has no hold on it.
  says_.clear();
  Restart(2);
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "ok");
  Run(Seconds(5));
  EXPECT_EQ(Joining(2), "");
  EXPECT_GT(At(2).raft()->last().index.value(), 0u);
}

// The leader's messages arrive, but what is answered does not.
TEST_F(NewcomerTest, ABlockedWayBackIsTold) {
  fabric_.Cut(2, 1);
  Start(2);
  ASSERT_EQ(Join(2, 1, NewJoinToken()), "ok");
  Run(Seconds(8));
  EXPECT_THAT(Joining(2), HasSubstr("cannot connect to the members'"));
  fabric_.Mend(2, 1);
  Run(Seconds(15));
  ExpectIn(2);
}

// It derives who it is from its name, among others.
TEST_F(NewcomerTest, ANewNameInTheSettingsMakesItNobodyElse) {
  JoinFromNowhere(2);
  const raft::NodeId before = At(2).raft()->id();
  says_.clear();
  names_[2] = "renamed";
  Restart(2);
  ExpectIn(2);
  EXPECT_EQ(At(2).raft()->id(), before);
  EXPECT_EQ(At(1).state().nodes().at(before.value()).name(), "n2");
  EXPECT_EQ(At(2).Status().node_name, "n2");
}

TEST_F(NewcomerTest, AMemberHasItsNameForGood) {
  Start(2);
  ASSERT_EQ(Join(2, 1, NewJoinToken()), "ok");
  Run(Seconds(3));
  names_[2] = "renamed";
  Restart(2);
  Run(Seconds(3));
  EXPECT_EQ(At(2).Status().node_name, "n2");
  EXPECT_EQ(NameInBackup(2), "n2");
  EXPECT_EQ(CertifiedName(2), "n2");
  // As a new node it is what the settings say.
  ASSERT_EQ(Remove(2), "ok");
  ASSERT_EQ(Join(2, 1, NewJoinToken()), "ok");
  ExpectIn(2);
  const uint64_t id = At(2).raft()->id().value();
  EXPECT_EQ(At(1).state().nodes().at(id).name(), "renamed");
  EXPECT_EQ(At(2).Status().node_name, "renamed");
  EXPECT_EQ(CertifiedName(2), "renamed");
  Restart(2);
  EXPECT_EQ(At(2).Status().node_name, "renamed");
}

// What it had of an earlier cluster is worth more than what it waited with.
TEST_F(NewcomerTest, WhatIsKeptStaysKept) {
  Start(2);
  ASSERT_EQ(Join(2, 1, NewJoinToken()), "ok");
  Run(Seconds(3));
  ASSERT_EQ(Remove(2), "ok");
  PowerLoss(2);
  JoinFromNowhere(2);
  const std::string kept = files_[2]->Contents("/data/former/identity");
  ASSERT_EQ(Remove(2), "ok");
  says_.clear();
  Restart(2);
  ASSERT_EQ(Join(2, 1, NewJoinToken()), "ok");
  ExpectIn(2);
  EXPECT_EQ(files_[2]->Contents("/data/former/identity"), kept);
}

// The power fails at every operation of its disk.
TEST_F(NewcomerTest, AJoinThatWasCutOffCanBeRepeated) {
  for (const bool removed : {false, true}) {
    bool cut_off = true;
    for (uint64_t n = 1; cut_off; ++n) {
      ASSERT_LT(n, 200u);
      SCOPED_TRACE(n);
      NewDisks(n);
      Start(1);
      At(1).Init({}, {}, [](const auto&) {});
      Run(Seconds(2));
      JoinFromNowhere(2);
      PowerLoss(2);
      if (removed) {
        ASSERT_EQ(Remove(2), "ok");
      }
      says_.clear();
      const std::string token = NewJoinToken();
      files_[2]->FailAt(files_[2]->operations() + n,
                        sim::SimFileSystem::Fault::kCrash);
      Start(2);
      Join(2, 1, token);
      cut_off = files_[2]->crashed();
      Restart(2);
      const std::string again = Join(2, 1, token);
      EXPECT_TRUE(again == "ok" || again == "cluster_already_initialized")
          << again;
      ExpectIn(2);
    }
  }
}

}  // namespace
}  // namespace jaco::server
