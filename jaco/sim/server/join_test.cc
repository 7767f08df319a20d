// Servers that join by a token, through whichever member, whatever goes wrong.

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/join_peer.h"
#include "jaco/server/operator_api.h"
#include "jaco/server/security/secrets.h"
#include "jaco/sim/server/testing/joining_cluster.h"

namespace jaco::server {
namespace {

using JoinTest = JoiningClusterTest;

TEST_F(JoinTest, ThreeServersBecomeThreeVoters) {
  Start(2);
  Start(3);
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "ok");
  EXPECT_EQ(Voters(), 1u);
  Run(Seconds(3));
  // Through a follower.
  EXPECT_EQ(Join(3, 2, NewJoinToken("n3")), "ok");
  Run(Seconds(5));
  EXPECT_EQ(Voters(), 3u);
  for (const auto& [id, node] : At(3).state().nodes()) {
    EXPECT_EQ(node.status(), fsm::NODE_STATUS_READY) << node.name();
  }
  EXPECT_EQ(At(3).state().nodes().size(), 3u);
  EXPECT_EQ(fingerprint_.size(), 64u);
}

TEST_F(JoinTest, AJoinThatGoesOnIsSeen) {
  Start(2);
  const auto outcome = std::make_shared<std::string>("none");
  const std::string token = NewJoinToken();
  BeginJoin(2, 1, token, outcome);
  EXPECT_EQ(At(2).Status().lifecycle, Lifecycle::kJoining);
  EXPECT_EQ(At(2).lifecycle(), Lifecycle::kUninitialized);
  Run(Seconds(2));
  EXPECT_EQ(*outcome, "ok");
  EXPECT_EQ(At(2).Status().lifecycle, Lifecycle::kMember);
  // Nor does a refusal leave it behind.
  Start(3);
  EXPECT_EQ(Join(3, 1, token), "join_token_consumed");
  EXPECT_EQ(At(3).Status().lifecycle, Lifecycle::kUninitialized);
}

TEST_F(JoinTest, OfTwoRacersOneWins) {
  Start(2);
  Start(3);
  const std::string token = NewJoinToken();
  const auto first = std::make_shared<std::string>("none");
  const auto second = std::make_shared<std::string>("none");
  BeginJoin(2, 1, token, first);
  BeginJoin(3, 1, token, second);
  Run(Seconds(3));
  EXPECT_EQ(*first, "ok");
  EXPECT_EQ(*second, "join_token_consumed");
  EXPECT_EQ(At(1).state().nodes().size(), 2u);
  // It has changed nothing there.
  EXPECT_EQ(Join(3, 1, NewJoinToken()), "ok");
}

TEST_F(JoinTest, BadTokensAreRefused) {
  Start(2);
  EXPECT_EQ(Join(2, 1, "hello"), "join_token_invalid");
  const std::string unknown(64, '0');
  EXPECT_EQ(Join(2, 1, absl::StrCat(unknown, ".", unknown)), "token_invalid");
  EXPECT_EQ(Join(2, 1, NewJoinToken("n3")), "join_token_invalid");
  EXPECT_EQ(Join(1, 1, NewJoinToken()), "cluster_already_initialized");
  EXPECT_EQ(Join(2, 1, NewJoinToken("n2")), "ok");
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "cluster_already_initialized");
}

TEST_F(JoinTest, AnOperatorsTokenAdmitsNobody) {
  std::optional<absl::Status> status;
  At(1).Admit({"ops"}, {.node_id = 5},
              [&](const auto& response) { status = response.status(); });
  Run(Milliseconds(10));
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(CodeOf(*status), ErrorCode::kPermissionDenied);
}

// The power fails at every operation of the joining server's disk: it is then
// a member, or the same join makes it one.
TEST_F(JoinTest, AJoinThatWasCutOffCanBeRepeated) {
  bool cut_off = true;
  for (uint64_t n = 1; cut_off; ++n) {
    ASSERT_LT(n, 100u);
    SCOPED_TRACE(n);
    NewDisks(n);
    Start(1);
    At(1).Init({}, {}, [](const auto&) {});
    Run(Seconds(2));
    Start(2);
    const std::string token = NewJoinToken();
    files_[2]->FailAt(files_[2]->operations() + n,
                      sim::SimFileSystem::Fault::kCrash);
    const std::string first = Join(2, 1, token);
    cut_off = files_[2]->crashed();
    PowerLoss(2);
    Start(2);
    Run(Seconds(1));
    if (At(2).lifecycle() == Lifecycle::kUninitialized) {
      EXPECT_NE(first, "ok");
      EXPECT_EQ(Join(2, 1, token), "ok");
    }
    Run(Seconds(3));
    EXPECT_EQ(At(2).lifecycle(), Lifecycle::kMember);
    EXPECT_EQ(At(2).state().nodes().size(), 2u);
    EXPECT_EQ(At(1).state().digest(), At(2).state().digest());
  }
}

// It may ask again as long as it has nothing of what made it a node.
TEST_F(JoinTest, OneWithoutRoomIsNotReady) {
  // What there is to write needs more than the first segment of the log.
  tune_ = [](ServerOptions& options) { options.log_segment_bytes = 256; };
  const std::string token = NewJoinToken();
  Start(2);
  auto joined = std::make_shared<std::string>();
  BeginJoin(2, 1, token, joined);
  for (int i = 0; i < 1000 && At(2).raft() == nullptr; ++i) {
    Run(Microseconds(100));
  }
  ASSERT_NE(At(2).raft(), nullptr);
  files_[2]->SetCapacity(files_[2]->used_bytes());
  Run(Seconds(3));
  ASSERT_EQ(*joined, "ok");
  ASSERT_TRUE(At(2).raft()->leader() == At(1).raft()->id());
  const uint64_t id = At(2).raft()->id().value();
  EXPECT_EQ(At(1).state().nodes().at(id).status(), fsm::NODE_STATUS_JOINING);
  PowerLoss(2);
  Start(2);
  Run(Seconds(5));
  EXPECT_EQ(At(2).lifecycle(), Lifecycle::kMember);
  EXPECT_EQ(At(1).state().nodes().at(id).status(), fsm::NODE_STATUS_JOINING);
  files_[2]->SetCapacity(uint64_t{1} << 30);
  Run(Seconds(3));
  EXPECT_EQ(At(1).state().nodes().at(id).status(), fsm::NODE_STATUS_READY);
}

// With it somebody else would be that voter.
TEST_F(JoinTest, TheTokenOfAMemberIsOfNoUse) {
  const std::string token = NewJoinToken();
  for (const NodeNumber node : {NodeNumber{2}, NodeNumber{3}}) {
    Start(node);
    ASSERT_EQ(Join(node, 1, node == 2 ? token : NewJoinToken()), "ok");
    Run(Seconds(8));
  }
  ASSERT_EQ(Voters(), 3u);
  processes_.erase(2);
  files_[2] = std::make_unique<sim::SimFileSystem>(Prng(2));
  ASSERT_TRUE(files_[2]->CreateDirectory("/data").ok());
  ASSERT_TRUE(files_[2]->SyncDirectory("/").ok());
  const fsm::Digest before = At(1).state().digest();
  Start(2);
  EXPECT_EQ(Join(2, 1, token), "join_token_consumed");
  EXPECT_EQ(Join(2, 3, token), "join_token_consumed");
  EXPECT_EQ(At(2).lifecycle(), Lifecycle::kUninitialized);
  EXPECT_EQ(At(1).state().digest(), before);
  // The name is the node's until an operator says otherwise.
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "node_already_member");
  std::string removed = "none";
  At(1).RemoveNode({}, {.node_name = "n2"}, [&removed](const auto& response) {
    removed = response.ok() ? "ok" : response.status().ToString();
  });
  Run(Seconds(8));
  EXPECT_EQ(removed, "ok");
  EXPECT_EQ(Join(2, 1, token), "join_token_consumed");
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "ok");
  Run(Seconds(8));
  EXPECT_EQ(Voters(), 3u);
}

// Not the clock of whoever is asked: neither does a token live longer by it,
// nor is it late from the start.
TEST_F(JoinTest, TheLeadersClockCounts) {
  Start(2);
  ASSERT_EQ(Join(2, 1, NewJoinToken()), "ok");
  Run(Seconds(3));
  Start(3);
  const std::string old = NewJoinToken();
  for (const int64_t days : {400, -800}) {
    processes_.at(2)->clock.JumpWall(Seconds(days * 24 * 3600));
    const std::string token = NewJoinToken("", 2);
    const int64_t now = absl::ToUnixMillis(processes_.at(1)->clock.WallNow());
    EXPECT_NEAR(At(1).state().audit().back().time_unix_ms(), now, 2000);
    ASSERT_NE(token, "");
  }
  for (const NodeNumber node : {NodeNumber{1}, NodeNumber{3}}) {
    processes_.at(node)->clock.JumpWall(Seconds(25 * 3600));
  }
  EXPECT_EQ(Join(3, 2, old), "join_token_expired");
  EXPECT_EQ(Join(3, 1, NewJoinToken("", 2)), "ok");
}

TEST_F(JoinTest, AnAuthorityThatIsInUseStays) {
  Start(2);
  EXPECT_EQ(Join(2, 1, NewJoinToken()), "ok");
  Run(Seconds(3));
  const auto answer = [this](auto ask) {
    std::string code = "none";
    ask([&code](const absl::StatusOr<AuthoritiesResponse>& response) {
      code = response.ok()
                 ? absl::StrCat(response->trusted)
                 : std::string(ErrorCodeName(CodeOf(response.status())));
    });
    Run(Seconds(1));
    return code;
  };
  const auto rotate = [&] {
    return answer([this](auto reply) {
      At(2).operators().RotateAuthority({}, std::move(reply));
    });
  };
  const auto retire = [&](NodeNumber through, bool force) {
    return answer([&](auto reply) {
      At(through).operators().RetireAuthorities({}, {.force = force},
                                                std::move(reply));
    });
  };
  const auto trusted = [this](NodeNumber node) {
    const auto secrets = LoadSecrets(*files_[node], "/data", nullptr);
    return secrets.ok() && secrets->has_value() ? (*secrets)->credentials.bundle
                                                : "";
  };
  // Through a follower; the others need not be asked to follow.
  EXPECT_EQ(rotate(), "2");
  EXPECT_EQ(trusted(1), trusted(2));
  Run(Seconds(2));
  EXPECT_EQ(retire(1, false), "1");
  for (const NodeNumber node : {1, 2}) {
    EXPECT_EQ(trusted(node),
              At(1).state().cluster()->authorities(0).certificate());
  }
  // Who is not there cannot renew.
  PowerLoss(2);
  EXPECT_EQ(answer([this](auto reply) {
              At(1).operators().RotateAuthority({}, std::move(reply));
            }),
            "2");
  Run(Seconds(5));
  EXPECT_EQ(retire(1, false), "conflict");
  EXPECT_EQ(retire(1, true), "1");
}

TEST_F(JoinTest, AnOlderBuildStaysOutside) {
  EXPECT_EQ(At(1).state().feature_level(), kFeatureLevel);
  levels_[2] = kFeatureLevel - 1;
  Start(2);
  const std::string token = NewJoinToken();
  EXPECT_EQ(Join(2, 1, token), "config_mismatch");
  EXPECT_EQ(At(1).state().nodes().size(), 1u);
  // Upgraded, it may use the same token.
  PowerLoss(2);
  levels_.erase(2);
  Start(2);
  EXPECT_EQ(Join(2, 1, token), "ok");
}

}  // namespace
}  // namespace jaco::server
