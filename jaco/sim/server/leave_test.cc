// Nodes that leave: through whichever member, whoever they are, whatever goes
// wrong; and what becomes of their servers.

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/operator_api.h"
#include "jaco/server/voter_policy.h"
#include "jaco/sim/server/testing/joining_cluster.h"

namespace jaco::server {
namespace {

class LeaveTest : public JoiningClusterTest {
 protected:
  // Servers 1 to `members` are one cluster.
  void Form(NodeNumber members) {
    for (NodeNumber node = 2; node <= members; ++node) {
      Start(node);
      ASSERT_EQ(Join(node, 1, NewJoinToken()), "ok");
    }
    Run(Seconds(3));
    ASSERT_EQ(Configuration().voters.size(), VotersFor(members));
  }
  const raft::Configuration& Configuration() {
    return At(Leader()).raft()->configuration();
  }
  NodeNumber Follower() { return static_cast<NodeNumber>(Leader() % 3 + 1); }

  void BeginRemove(NodeNumber asked, NodeNumber node,
                   const std::shared_ptr<std::string>& outcome,
                   bool force = false) {
    At(asked).RemoveNode(
        {}, {.node_name = absl::StrCat("n", int{node}), .force = force},
        [outcome](const absl::StatusOr<RemoveNodeResponse>& response) {
          *outcome =
              response.ok()
                  ? "ok"
                  : std::string(ErrorCodeName(CodeOf(response.status())));
        });
  }
  std::string Remove(NodeNumber asked, NodeNumber node, bool force = false) {
    auto outcome = std::make_shared<std::string>("none");
    BeginRemove(asked, node, outcome, force);
    Run(Seconds(12));
    return *outcome;
  }
  // Nobody is what a test began with.
  void Anew() {
    NewDisks(1);
    Start(1);
    At(1).Init({}, {}, [](const auto&) {});
    Run(Seconds(2));
  }
  bool KnowsThatItLeaves(NodeNumber node, NodeNumber other) {
    const auto& nodes = At(node).state().nodes();
    const auto row = nodes.find(At(other).raft()->id().value());
    return row != nodes.end() && row->second.leaving() != fsm::NODE_LEAVING_NO;
  }
  // The bearer of `token`, or the code of the error.
  std::string Bearer(NodeNumber node, const std::string& token, bool stale) {
    std::string outcome = "none";
    At(node).Authenticate(
        token, stale, [&outcome](const absl::StatusOr<Caller>& caller) {
          outcome = caller.ok()
                        ? caller->identity
                        : std::string(ErrorCodeName(CodeOf(caller.status())));
        });
    Run(Seconds(1));
    return outcome;
  }
  void ExpectGone(const std::string& name, size_t members) {
    const NodeNumber leader = Leader();
    ASSERT_NE(leader, 0);
    EXPECT_EQ(Configuration().Members().size(), members);
    EXPECT_EQ(Configuration().voters.size(), VotersFor(members));
    for (const auto& [id, node] : At(leader).state().nodes()) {
      EXPECT_NE(node.name(), name);
      EXPECT_EQ(node.leaving(), fsm::NODE_LEAVING_NO);
    }
  }
  void ExpectRemoved(NodeNumber node) {
    EXPECT_EQ(At(node).lifecycle(), Lifecycle::kRemoved) << int{node};
    std::string code = "none";
    At(node).IssueToken({}, {.identity = "late"}, [&](const auto& response) {
      code = response.ok()
                 ? "ok"
                 : std::string(ErrorCodeName(CodeOf(response.status())));
    });
    Run(Milliseconds(100));
    EXPECT_EQ(code, "not_a_member");
  }
};

TEST_F(LeaveTest, AFollowerThroughAnother) {
  Form(3);
  const NodeNumber leader = Leader();
  const NodeNumber asked = Follower();
  const auto gone = static_cast<NodeNumber>(6 - leader - asked);
  EXPECT_EQ(Remove(asked, gone), "ok");
  ExpectGone(absl::StrCat("n", int{gone}), 2);
  EXPECT_EQ(Leader(), leader);
  ExpectRemoved(gone);
  EXPECT_EQ(Remove(asked, gone), "node_not_found");
  // It still knows after a restart, and has what it had.
  PowerLoss(gone);
  Start(gone);
  Run(Seconds(1));
  ExpectRemoved(gone);
  EXPECT_FALSE(At(gone).state().tokens().empty());
}

TEST_F(LeaveTest, TheLeader) {
  for (const bool itself : {true, false}) {
    if (!itself) Anew();
    Form(3);
    const NodeNumber leader = Leader();
    EXPECT_EQ(Remove(itself ? leader : Follower(), leader), "ok");
    EXPECT_NE(Leader(), leader);
    ExpectGone(absl::StrCat("n", int{leader}), 2);
    ExpectRemoved(leader);
  }
}

TEST_F(LeaveTest, DownToOne) {
  Form(5);
  for (NodeNumber node = 1; node <= 4; ++node) {
    SCOPED_TRACE(int{node});
    EXPECT_EQ(Remove(5, node), "ok");
    ExpectGone(absl::StrCat("n", int{node}), 5u - node);
    ExpectRemoved(node);
  }
  EXPECT_EQ(Remove(5, 5), "conflict");
  EXPECT_EQ(Remove(5, 5, /*force=*/true), "conflict");
  EXPECT_EQ(Remove(5, 9), "node_not_found");
  ExpectGone("n9", 1);
}

TEST_F(LeaveTest, SeveralAtOnce) {
  Form(6);
  const auto first = std::make_shared<std::string>("none");
  const auto second = std::make_shared<std::string>("none");
  const auto third = std::make_shared<std::string>("none");
  BeginRemove(4, 1, first);
  BeginRemove(5, 2, second);
  BeginRemove(6, 3, third);
  Run(Seconds(12));
  EXPECT_EQ(*first, "ok");
  EXPECT_EQ(*second, "ok");
  EXPECT_EQ(*third, "ok");
  ExpectGone("n3", 3);
}

// Its frames are refused by then; a member tells it.
TEST_F(LeaveTest, ADeadServerThatComesBackIsTold) {
  Form(3);
  const NodeNumber leader = Leader();
  const NodeNumber dead = Follower();
  PowerLoss(dead);
  EXPECT_EQ(Remove(leader, dead), "ok");
  ExpectGone(absl::StrCat("n", int{dead}), 2);
  // Of those who lead by then nobody has seen it leave.
  for (const NodeNumber node : {1, 2, 3}) {
    if (node == dead) continue;
    PowerLoss(node);
    Start(node);
  }
  Run(Seconds(2));
  Start(dead);
  EXPECT_EQ(At(dead).lifecycle(), Lifecycle::kMember);
  Run(Seconds(3));
  ExpectRemoved(dead);
  ExpectGone(absl::StrCat("n", int{dead}), 2);
}

// With two members there is one voter. The other takes over if it is there.
TEST_F(LeaveTest, OneThatCannotBeSparedStays) {
  Form(2);
  const NodeNumber leader = Leader();
  const auto other = static_cast<NodeNumber>(3 - leader);
  PowerLoss(other);
  Run(Seconds(1));
  EXPECT_EQ(Remove(leader, leader), "conflict");
  EXPECT_EQ(Configuration().Members().size(), 2u);
  const auto outcome = std::make_shared<std::string>("none");
  BeginRemove(leader, leader, outcome, /*force=*/true);
  Run(Seconds(12));
  EXPECT_EQ(*outcome, "timeout");
  Start(other);
  Run(Seconds(5));
  EXPECT_EQ(Leader(), other);
  ExpectGone(absl::StrCat("n", int{leader}), 1);
  ExpectRemoved(leader);
}

// It looks well for long after it died. A change to it alone could never be
// committed, nor taken back.
TEST_F(LeaveTest, NobodyTakesOverAloneWhoMayBeGone) {
  tune_ = [](ServerOptions& options) {
    options.autopilot.config.set_last_contact_threshold_ns(60'000'000'000);
  };
  Anew();
  Form(2);
  Run(Seconds(5));
  const NodeNumber leader = Leader();
  const auto other = static_cast<NodeNumber>(3 - leader);
  PowerLoss(other);
  EXPECT_EQ(Remove(leader, leader), "conflict");
  EXPECT_EQ(Leader(), leader);
  EXPECT_FALSE(Configuration().IsJoint());
  Start(other);
  Run(Seconds(5));
  EXPECT_EQ(Remove(leader, leader), "ok");
  EXPECT_EQ(Leader(), other);
  ExpectRemoved(leader);
}

// The first choice dies when all have the same log, and looks well for long.
TEST_F(LeaveTest, ALeaderTriesOneSuccessorAfterTheOther) {
  tune_ = [](ServerOptions& options) {
    options.autopilot.config.set_last_contact_threshold_ns(10'000'000'000);
  };
  Anew();
  Form(5);
  const NodeNumber leader = Leader();
  NodeNumber first = 0;
  for (NodeNumber node = 1; node <= 5; ++node) {
    if (node == leader) continue;
    if (first == 0 || At(node).raft()->id() < At(first).raft()->id()) {
      first = node;
    }
  }
  const auto outcome = std::make_shared<std::string>("none");
  BeginRemove(leader, leader, outcome);
  for (int i = 0; i < 1000 && !KnowsThatItLeaves(first, leader); ++i) {
    Run(Milliseconds(1));
  }
  ASSERT_EQ(Leader(), leader);
  PowerLoss(first);
  Run(Seconds(5));
  EXPECT_EQ(*outcome, "ok");
  EXPECT_NE(Leader(), leader);
  ExpectRemoved(leader);
}

// It was to leave for long, and stays because the other one went: that does
// not count the next time.
TEST_F(LeaveTest, PatienceBeginsAnewWithEachAttempt) {
  Form(2);
  const NodeNumber leader = Leader();
  const auto other = static_cast<NodeNumber>(3 - leader);
  const uint64_t id = At(other).raft()->id().value();
  PowerLoss(other);
  Run(Seconds(1));
  EXPECT_EQ(Remove(leader, leader, /*force=*/true), "timeout");
  At(leader).operators().RemovePeer({}, {.id = id}, [](const auto&) {});
  Run(Seconds(2));
  ExpectGone(absl::StrCat("n", int{other}), 1);
  Start(3);
  const auto joined = std::make_shared<std::string>("none");
  BeginJoin(3, leader, NewJoinToken("", leader), joined);
  for (int i = 0; i < 2000 && *joined == "none"; ++i) Run(Milliseconds(1));
  EXPECT_EQ(*joined, "ok");
  EXPECT_EQ(Configuration().Members().size(), 2u);
  // It has not settled yet.
  EXPECT_EQ(Remove(leader, leader), "ok");
  EXPECT_EQ(Leader(), 3);
}

TEST_F(LeaveTest, TheNextLeaderGoesOn) {
  Form(3);
  const NodeNumber leader = Leader();
  const NodeNumber asked = Follower();
  const auto outcome = std::make_shared<std::string>("none");
  At(asked).RemoveNode(
      {}, {.node_name = absl::StrCat("n", int{leader}), .force = true},
      [](const auto&) {});
  // As soon as it is written down.
  for (int i = 0; i < 1000 && !KnowsThatItLeaves(asked, leader); ++i) {
    Run(Milliseconds(1));
  }
  PowerLoss(leader);
  Run(Seconds(5));
  ASSERT_NE(Leader(), 0);
  ExpectGone(absl::StrCat("n", int{leader}), 2);
  Start(leader);
  Run(Seconds(3));
  ExpectRemoved(leader);
}

TEST_F(LeaveTest, ARemovedServerJoinsAnew) {
  Form(3);
  const NodeNumber gone = Follower();
  const raft::NodeId before = At(gone).raft()->id();
  EXPECT_EQ(Remove(Leader(), gone), "ok");
  ExpectRemoved(gone);
  std::string token;
  At(Leader()).IssueJoinToken(
      {}, {}, [&](const auto& response) { token = response->join_token; });
  Run(Seconds(1));
  EXPECT_EQ(Join(gone, Leader(), token), "ok");
  Run(Seconds(5));
  EXPECT_EQ(At(gone).lifecycle(), Lifecycle::kMember);
  EXPECT_NE(At(gone).raft()->id(), before);
  EXPECT_EQ(Configuration().voters.size(), 3u);
  Issue(1);
  Run(Seconds(1));
  EXPECT_EQ(At(gone).state().digest(), At(Leader()).state().digest());
  EXPECT_TRUE(*files_[gone]->Exists("/data/former/raft"));
}

// The power fails at every operation of its disk: then it is what it was, or
// nothing, or a node, and the same join makes it one.
TEST_F(LeaveTest, AJoinAnewThatWasCutOffCanBeRepeated) {
  bool cut_off = true;
  for (uint64_t n = 1; cut_off; ++n) {
    ASSERT_LT(n, 200u);
    SCOPED_TRACE(n);
    NewDisks(n);
    Start(1);
    At(1).Init({}, {}, [](const auto&) {});
    Run(Seconds(2));
    Start(2);
    ASSERT_EQ(Join(2, 1, NewJoinToken()), "ok");
    Run(Seconds(1));
    ASSERT_EQ(Remove(1, 2), "ok");
    const std::string token = NewJoinToken();
    files_[2]->FailAt(files_[2]->operations() + n,
                      sim::SimFileSystem::Fault::kCrash);
    Join(2, 1, token);
    cut_off = files_[2]->crashed();
    PowerLoss(2);
    Start(2);
    Run(Seconds(1));
    if (At(2).lifecycle() != Lifecycle::kMember) {
      EXPECT_EQ(Join(2, 1, token), "ok");
    }
    Run(Seconds(3));
    EXPECT_EQ(At(2).lifecycle(), Lifecycle::kMember);
    EXPECT_EQ(At(2).state().nodes().size(), 2u);
    EXPECT_EQ(At(1).state().digest(), At(2).state().digest());
  }
}

// It has not applied that the token was revoked, and does not guess.
TEST_F(LeaveTest, ARevokedTokenIsRefusedByWhoeverIsCutOff) {
  Form(3);
  std::string secret;
  At(1).IssueToken({}, {.identity = "ops"},
                   [&](const auto& response) { secret = response->token; });
  Run(Seconds(1));
  const NodeNumber leader = Leader();
  const NodeNumber follower = Follower();
  const auto bearer = [&](NodeNumber node, bool stale = false) {
    return Bearer(node, secret, stale);
  };
  EXPECT_EQ(bearer(follower), "ops");
  fabric_.Cut(leader, follower);
  bool revoked = false;
  At(leader).RevokeToken({}, {.identity = "ops"}, [&](const auto& response) {
    revoked = response.ok();
  });
  for (int i = 0; i < 100 && !revoked; ++i) Run(Milliseconds(1));
  ASSERT_TRUE(revoked);
  ASSERT_EQ(At(follower).state().tokens().at("ops").revoked_at_unix_ms(), 0);
  EXPECT_EQ(bearer(follower), "no_leader");
  EXPECT_EQ(bearer(follower, /*stale=*/true), "ops");
  fabric_.Mend(leader, follower);
  Run(Seconds(1));
  EXPECT_EQ(bearer(follower), "token_revoked");
  EXPECT_EQ(bearer(follower, /*stale=*/true), "token_revoked");
}

// Not either by one that has a leader to ask and has not been told yet.
TEST_F(LeaveTest, ARevokedTokenIsRefusedAtOnceByLocalReads) {
  Form(3);
  std::string secret;
  At(1).IssueToken({}, {.identity = "ops"},
                   [&](const auto& response) { secret = response->token; });
  Run(Seconds(1));
  const NodeNumber follower = Follower();
  ASSERT_EQ(Bearer(follower, secret, /*stale=*/true), "ops");
  std::string outcome = "none";
  bool too_early = false;
  At(Leader()).RevokeToken({}, {.identity = "ops"}, [&](const auto& response) {
    ASSERT_TRUE(response.ok());
    too_early =
        At(follower).state().tokens().at("ops").revoked_at_unix_ms() == 0;
    At(follower).Authenticate(
        secret, /*stale=*/true, [&](const absl::StatusOr<Caller>& caller) {
          outcome = caller.ok()
                        ? caller->identity
                        : std::string(ErrorCodeName(CodeOf(caller.status())));
        });
  });
  Run(Seconds(1));
  EXPECT_TRUE(too_early);
  EXPECT_EQ(outcome, "token_revoked");
}

// What is answered without a leader is answered to bearers, too.
TEST_F(LeaveTest, WithoutAQuorumStaleReadsKnowTheirBearers) {
  Form(3);
  std::map<std::string, std::string> secrets;
  for (const char* name : {"good", "bad"}) {
    At(1).IssueToken({}, {.identity = name},
                     [&secrets, name](const auto& response) {
                       secrets[name] = response->token;
                     });
  }
  Run(Seconds(1));
  At(1).RevokeToken({}, {.identity = "bad"}, [](const auto&) {});
  Run(Seconds(1));
  const NodeNumber last = Follower();
  for (NodeNumber node = 1; node <= 3; ++node) {
    if (node != last) processes_.erase(node);
  }
  Run(Seconds(5));
  EXPECT_EQ(Bearer(last, secrets["good"], /*stale=*/true), "good");
  EXPECT_EQ(Bearer(last, secrets["bad"], /*stale=*/true), "token_revoked");
  // It might be a new one.
  EXPECT_EQ(Bearer(last, "x", /*stale=*/true), "quorum_lost");
  EXPECT_EQ(Bearer(last, secrets["good"], /*stale=*/false), "quorum_lost");
  EXPECT_EQ(Bearer(last, secrets["bad"], /*stale=*/false), "quorum_lost");
}

TEST_F(LeaveTest, AServerThatLeftKnowsNoBearers) {
  Form(3);
  std::string secret;
  At(1).IssueToken({}, {.identity = "ops"},
                   [&](const auto& response) { secret = response->token; });
  Run(Seconds(1));
  const NodeNumber follower = Follower();
  ASSERT_EQ(Remove(Leader(), follower), "ok");
  Run(Seconds(1));
  EXPECT_EQ(Bearer(follower, secret, /*stale=*/true), "not_a_member");
}

}  // namespace
}  // namespace jaco::server
