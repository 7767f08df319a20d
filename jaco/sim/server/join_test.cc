// Servers that join by a token, through whichever member, whatever goes wrong.

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
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
