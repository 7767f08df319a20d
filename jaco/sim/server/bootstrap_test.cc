// bootstrap_expect: one cluster, whatever the order, whatever goes wrong.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/bootstrap_record.h"
#include "jaco/server/security/keyring.h"
#include "jaco/sim/server/testing/bootstrap_cluster.h"

namespace jaco::server {
namespace {

using ::testing::HasSubstr;

class BootstrapTest : public BootstrapCluster {
 protected:
  // Server 1 has founded by hand. Server 2 has its join token and has not used
  // it when the power of 1 fails.
  void LoseTheMemberBeforeTheJoin() {
    Start(1);
    At(1).Init({}, {}, [](const auto&) {});
    Run(Seconds(1));
    int calls = 0;
    on_call_ = [&](NodeNumber from, NodeNumber to) {
      // A hello, then one for a join token, then the join itself.
      if (from == 2 && to == 1 && ++calls == 3) PowerLoss(1);
    };
    Start(2);
    Run(Seconds(1));
    on_call_ = nullptr;
    ASSERT_GE(calls, 3);
  }
  void ExpectOneClusterOf(size_t members) {
    EXPECT_EQ(ClusterIds().size(), 1u) << AllProgress();
    EXPECT_EQ(Members(), members) << AllProgress();
  }

  void WriteRecord(NodeNumber node, const std::string& bytes) {
    ASSERT_TRUE(StoreBootstrapRecord(*files_[node], "/data", bytes).ok());
  }
  static std::string CodeOr(const absl::StatusOr<InitResponse>& response) {
    return response.ok()
               ? "ok"
               : std::string(ErrorCodeName(CodeOf(response.status())));
  }
  std::string Init(NodeNumber node) {
    auto said = std::make_shared<std::string>("none");
    At(node).Init({}, {},
                  [said](const auto& answer) { *said = CodeOr(answer); });
    Run(Milliseconds(10));
    return *said;
  }
  // Starts the server and asks for an init as soon as it has no cluster.
  std::string InitAtOnce(NodeNumber node) {
    auto said = std::make_shared<std::string>();
    for (int i = 1; i < 2000; ++i) {
      queue_.Schedule(queue_.now() + Microseconds(10 * i), sim::kWorldOwner,
                      {sim::EventKind::kTask}, [this, node, said] {
                        if (!said->empty()) return;
                        if (At(node).lifecycle() != Lifecycle::kUninitialized)
                          return;
                        *said = "none";
                        At(node).Init({}, {}, [said](const auto& answer) {
                          *said = CodeOr(answer);
                        });
                      });
    }
    Start(node);
    return *said;
  }
};

TEST_F(BootstrapTest, EveryOrderOfStartsFormsOneCluster) {
  std::vector<NodeNumber> order = {1, 2, 3};
  uint64_t seed = 0;
  do {
    for (const NodeNumber hub : {1, 2, 3}) {
      SCOPED_TRACE(absl::StrCat("order ", ++seed, ", hub ", int{hub}));
      NewDisks(seed);
      cluster_ids_.clear();
      retry_join_ = {hub};
      for (const NodeNumber node : order) {
        EXPECT_EQ(ClusterIds().size(), 0u);
        Start(node);
        Run(Milliseconds(700));
      }
      Run(Seconds(8));
      ExpectOneClusterOf(3);
      for (const NodeNumber node : order) {
        EXPECT_EQ(At(node).raft()->configuration().voters.size(), 3u);
        EXPECT_EQ(Progress(node), "");
        EXPECT_FALSE(*files_[node]->Exists("/data/bootstrap"));
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(BootstrapTest, FormsWithinASecondOfTheLastStart) {
  Start(1);
  Start(2);
  Run(Seconds(5));
  EXPECT_THAT(Progress(1), HasSubstr("2 of 3 are here"));
  Start(3);
  Run(Seconds(1));
  ExpectOneClusterOf(3);
}

TEST_F(BootstrapTest, OneAloneFoundsAtOnceAndOnlyWithoutState) {
  expect_ = 1;
  retry_join_.clear();
  Start(1);
  Run(Seconds(2));
  ExpectOneClusterOf(1);
  PowerLoss(1);
  Start(1);
  Run(Seconds(2));
  ExpectOneClusterOf(1);
}

// Later servers, with any expectation or none, join what is there.
TEST_F(BootstrapTest, LateServersJoin) {
  expects_[4] = 5;
  expects_[5] = 0;
  for (NodeNumber node = 1; node <= 3; ++node) Start(node);
  Run(Seconds(5));
  ExpectOneClusterOf(3);
  for (NodeNumber node = 4; node <= 6; ++node) Start(node);
  Run(Seconds(8));
  ExpectOneClusterOf(6);
}

TEST_F(BootstrapTest, MoreServersThanExpected) {
  for (NodeNumber node = 1; node <= 5; ++node) Start(node);
  Run(Seconds(8));
  ExpectOneClusterOf(5);
}

TEST_F(BootstrapTest, OtherExpectationsAreRefused) {
  expects_[3] = 5;
  for (NodeNumber node = 1; node <= 4; ++node) Start(node);
  Run(Seconds(8));
  EXPECT_EQ(ClusterIds().size(), 0u);
  EXPECT_THAT(Progress(1), HasSubstr("config_mismatch: n3 at 10.0.0.3:7000 has "
                                     "bootstrap_expect 5, n1 has 3"));
  EXPECT_THAT(Progress(3), HasSubstr("config_mismatch: "));
  // It is put right.
  PowerLoss(3);
  expects_.clear();
  Start(3);
  Run(Seconds(8));
  ExpectOneClusterOf(4);
}

// The one that all wait for answers, and cannot act: its disk hangs. A fifth
// that expects something else holds the others back until then.
TEST_F(BootstrapTest, WhoHangsDoesNotHoldUpTheOthers) {
  expects_[5] = 4;
  retry_join_ = {1, 2, 3, 4, 5};
  for (NodeNumber node = 5; node >= 1; --node) Start(node);
  Run(Seconds(5));
  ASSERT_EQ(ClusterIds().size(), 0u);
  PowerLoss(5);
  const NodeNumber hangs = Lowest();
  processes_[hangs]->disk.StallUntil(queue_.now() + Seconds(1000));
  Run(Seconds(30));
  EXPECT_EQ(Members(), 3u) << AllProgress();
  processes_[hangs]->disk.EndStall();
  Run(Seconds(15));
  ExpectOneClusterOf(4);
}

// Six have heard of each other. Three that are alone after a restart know that
// they are not all.
TEST_F(BootstrapTest, WhoWasCountedStillCountsAfterARestart) {
  expects_[7] = 4;
  retry_join_ = {1, 2, 3, 4, 5, 6, 7};
  for (NodeNumber node = 7; node >= 1; --node) Start(node);
  Run(Seconds(5));
  ASSERT_EQ(ClusterIds().size(), 0u);
  for (NodeNumber node = 1; node <= 7; ++node) PowerLoss(node);
  for (const NodeNumber a : {1, 2, 3}) {
    for (const NodeNumber b : {4, 5, 6}) cut_.insert({a, b});
  }
  for (NodeNumber node = 1; node <= 6; ++node) Start(node);
  Run(Seconds(30));
  EXPECT_EQ(ClusterIds().size(), 0u) << AllProgress();
  cut_.clear();
  Run(Seconds(30));
  ExpectOneClusterOf(6);
}

TEST_F(BootstrapTest, TwoServersOfOneName) {
  names_[3] = "n2";
  for (NodeNumber node = 1; node <= 4; ++node) Start(node);
  Run(Seconds(8));
  EXPECT_EQ(ClusterIds().size(), 0u);
  EXPECT_THAT(Progress(1), HasSubstr("two servers have the node_name n2"));
  PowerLoss(3);
  Run(Seconds(8));
  ExpectOneClusterOf(3);
  // There is a cluster now, in which the name is taken.
  Start(3);
  Run(Seconds(5));
  ExpectOneClusterOf(3);
  EXPECT_THAT(Progress(3), HasSubstr("node_already_member"));
}

TEST_F(BootstrapTest, ServersWithoutExpectationFoundNothing) {
  expect_ = 0;
  for (NodeNumber node = 1; node <= 3; ++node) Start(node);
  Run(Seconds(5));
  EXPECT_EQ(ClusterIds().size(), 0u);
  EXPECT_THAT(Progress(2), HasSubstr("waiting for a cluster to join"));
  At(2).Init({}, {}, [](const auto& response) {
    EXPECT_TRUE(response.ok()) << response.status();
  });
  Run(Seconds(5));
  ExpectOneClusterOf(3);
}

// As the guide has it: the servers are started, then told of one address.
TEST_F(BootstrapTest, ServerJoinMakesServersKnown) {
  retry_join_.clear();
  for (NodeNumber node = 1; node <= 3; ++node) Start(node);
  Run(Seconds(3));
  EXPECT_EQ(ClusterIds().size(), 0u);
  JoinServersResponse two, three;
  At(2).JoinServers({}, {{ApiOf(1), ApiOf(9)}},
                    [&](const auto& response) { two = *response; });
  // What was said is remembered.
  Run(Seconds(1));
  EXPECT_EQ(two.num_joined, 1u);
  EXPECT_EQ(two.error, "");
  PowerLoss(1);
  PowerLoss(2);
  Start(1);
  Start(2);
  At(3).JoinServers({}, {{ApiOf(9)}},
                    [&](const auto& response) { three = *response; });
  Run(Seconds(1));
  EXPECT_EQ(three.num_joined, 0u);
  EXPECT_THAT(three.error, HasSubstr("failed joining: "));
  At(3).JoinServers({}, {{ApiOf(1)}}, [](const auto&) {});
  Run(Seconds(5));
  ExpectOneClusterOf(3);
  // A member makes itself known to those that know nobody.
  Start(4);
  Run(Seconds(3));
  EXPECT_EQ(Members(), 3u);
  At(1).JoinServers({}, {{ApiOf(4)}},
                    [&](const auto& response) { two = *response; });
  Run(Seconds(5));
  EXPECT_EQ(two.num_joined, 1u);
  ExpectOneClusterOf(4);
}

// One that asks and asks does not use up the join tokens of all.
TEST_F(BootstrapTest, JoinTokensAreForEachAddressSoMany) {
  Start(1);
  At(1).Init({}, {}, [](const auto&) {});
  Run(Seconds(2));
  HelloRequest request;
  request.set_server_id(77);
  request.set_node_name("n7");
  request.set_address(ApiOf(7));
  request.set_ask(HelloRequest::JOIN_TOKEN);
  const auto ask = [&](const std::string& address) {
    std::string outcome = "none";
    At(1).Hello(
        {.bootstrap_peer = true, .address = address}, request,
        [&](const absl::StatusOr<HelloResponse>& response) {
          outcome = response.ok()
                        ? "ok"
                        : std::string(ErrorCodeName(CodeOf(response.status())));
        });
    Run(Milliseconds(100));
    return outcome;
  };
  int issued = 0;
  while (issued < 100 && ask("10.0.0.7") == "ok") ++issued;
  EXPECT_EQ(issued, 32);
  EXPECT_EQ(ask("10.0.0.7"), "rate_limited");
  EXPECT_EQ(ask("10.0.0.8"), "ok");
  request.set_ask(HelloRequest::NOTHING);
  EXPECT_EQ(ask("10.0.0.7"), "ok");
  request.set_ask(HelloRequest::JOIN_TOKEN);
  Run(Seconds(120));
  EXPECT_EQ(ask("10.0.0.7"), "ok");
  EXPECT_EQ(ask("10.0.0.7"), "rate_limited");
}

TEST_F(BootstrapTest, NothingIsSaidWithoutTheKey) {
  Start(1);
  HelloRequest request;
  for (const Caller& caller :
       {Caller(), Caller{"ops"}, Caller{"join_token:1", "11"}}) {
    std::optional<absl::Status> status;
    At(1).Hello(caller, request,
                [&](const auto& response) { status = response.status(); });
    Run(Milliseconds(10));
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(CodeOf(*status), ErrorCode::kPermissionDenied);
  }
}

// The founder is gone when it has been accepted: nobody takes its place, also
// not by hand, and it founds when it comes back.
TEST_F(BootstrapTest, WhoWasAcceptedFounds) {
  NodeNumber founder = 0;
  int accepts = 0;
  on_call_ = [&](NodeNumber from, NodeNumber) {
    if (founder != 0 || !absl::StrContains(Progress(from), "asking")) return;
    if (++accepts == 4) founder = from;  // two promises, one accept more
  };
  for (NodeNumber node = 1; node <= 3; ++node) {
    retry_join_ = {1, 2, 3};
    processes_.erase(node);
    Start(node);
  }
  for (int i = 0; i < 2000 && founder == 0; ++i) Run(Milliseconds(1));
  ASSERT_NE(founder, 0);
  PowerLoss(founder);
  Run(Seconds(5));
  EXPECT_EQ(ClusterIds().size(), 0u);
  int waiting = 0;
  for (const auto& [node, process] : processes_) {
    if (!absl::StrContains(Progress(node), "which was to found")) continue;
    ++waiting;
    EXPECT_EQ(Init(node), "conflict");
  }
  EXPECT_GE(waiting, 1) << AllProgress();
  Start(founder);
  Run(Seconds(8));
  ExpectOneClusterOf(3);
}

// It has read its disk, but not yet that it has agreed.
TEST_F(BootstrapTest, WhoHasAcceptedDoesNotInitAsItStarts) {
  BootstrapRecord record;
  record.set_server_id(2);
  record.mutable_vote()->mutable_promised()->set_round(1);
  *record.mutable_vote()->mutable_accepted() = record.vote().promised();
  record.mutable_vote()->mutable_founder()->set_server_id(1);
  record.mutable_vote()->mutable_founder()->set_node_name("n1");
  WriteRecord(2, EncodeBootstrapRecord(record));
  EXPECT_EQ(InitAtOnce(2), "no_leader");
  EXPECT_EQ(Init(2), "conflict");
  EXPECT_EQ(ClusterIds().size(), 0u);
}

// Somebody has founded by hand, is known to one of those that wait, and is gone
// when the others come: they do not found another cluster with its vote.
TEST_F(BootstrapTest, WhoKnowsOfAClusterLetsNobodyFound) {
  retry_join_ = {1, 2};
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    NewDisks(seed);
    cluster_ids_.clear();
    ASSERT_NO_FATAL_FAILURE(LoseTheMemberBeforeTheJoin());
    Start(3);
    Start(4);
    Run(Seconds(8));
    EXPECT_EQ(Members(), 0u) << AllProgress();
    Start(1);
    Run(Seconds(40));
    ExpectOneClusterOf(4);
  }
}

// The member is gone before the token is used.
TEST_F(BootstrapTest, ATokenThatIsKeptIsSealed) {
  const auto key = Keyring::FromText(std::string(64, 'a'));
  ASSERT_TRUE(key.ok());
  seal_key_ = std::make_shared<const Keyring>(*key);
  retry_join_ = {1, 2};
  ASSERT_NO_FATAL_FAILURE(LoseTheMemberBeforeTheJoin());
  const auto kept =
      DecodeBootstrapRecord(files_[2]->Contents("/data/bootstrap"));
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->join_token(), "");
  EXPECT_NE(kept->sealed_join_token(), "");

  const auto seal_key = std::exchange(seal_key_, nullptr);
  PowerLoss(2);
  Start(2);
  Run(Seconds(1));
  EXPECT_THAT(Progress(2),
              HasSubstr("/data/bootstrap: the join token is sealed; "
                        "seal_key_file must name the key"));
  EXPECT_EQ(Init(2), "validation_failed");

  seal_key_ = seal_key;
  PowerLoss(2);
  Start(2);
  Start(1);
  Run(Seconds(40));
  ExpectOneClusterOf(2);
}

// Two servers know each other from a third, which crashes; when it comes back
// they are members and look for nobody.
TEST_F(BootstrapTest, WhoWasAnsweredIsRemembered) {
  expect_ = 2;
  expects_[1] = 0;
  bool crashed = false;
  on_call_ = [&](NodeNumber from, NodeNumber to) {
    if (from == 1 || to == 1 || crashed) return;
    crashed = true;
    PowerLoss(1);
  };
  for (NodeNumber node = 1; node <= 3; ++node) Start(node);
  Run(Seconds(8));
  ASSERT_TRUE(crashed);
  ExpectOneClusterOf(2);
  Start(1);
  Run(Seconds(8));
  ExpectOneClusterOf(3);
}

// The power fails at every operation of a server's disk.
TEST_F(BootstrapTest, PowerFailsAtAnyDiskOperation) {
  for (const NodeNumber victim : {1, 2, 3}) {
    bool cut_off = true;
    for (uint64_t n = 1; cut_off && n < 200; ++n) {
      SCOPED_TRACE(absl::StrCat("server ", int{victim}, " operation ", n));
      NewDisks(n);
      cluster_ids_.clear();
      files_[victim]->FailAt(files_[victim]->operations() + n,
                             sim::SimFileSystem::Fault::kCrash);
      for (NodeNumber node = 1; node <= 3; ++node) Start(node);
      Run(Seconds(4));
      ClusterIds();
      cut_off = files_[victim]->crashed();
      PowerLoss(victim);
      Start(victim);
      Run(Seconds(8));
      ExpectOneClusterOf(3);
      if (HasFailure()) return;
    }
    EXPECT_FALSE(cut_off);
  }
}

// Tokens are forgotten a week after their end.
TEST_F(BootstrapTest, ATokenThatTheClusterHasForgottenIsReplaced) {
  for (NodeNumber node = 1; node <= 3; ++node) Start(node);
  Run(Seconds(5));
  ASSERT_EQ(ClusterIds().size(), 1u);
  Start(4);
  PowerLoss(4);
  BootstrapRecord record;
  record.set_server_id(4);
  record.set_cluster_id(*ClusterIds().begin());
  record.set_join_token(NewJoinToken(1).replace(0, 64, std::string(64, 'a')));
  WriteRecord(4, EncodeBootstrapRecord(record));
  Start(4);
  Run(Seconds(8));
  ExpectOneClusterOf(4);
}

TEST_F(BootstrapTest, ADamagedRecordTakesNoPart) {
  Start(1);
  PowerLoss(1);
  WriteRecord(1, "rubbish");
  for (NodeNumber node = 1; node <= 3; ++node) Start(node);
  Run(Seconds(5));
  EXPECT_EQ(ClusterIds().size(), 0u);
  EXPECT_THAT(Progress(1), HasSubstr("/data/bootstrap: the file is damaged"));
  // Not by hand either: it may have agreed on somebody.
  EXPECT_EQ(Init(1), "data_loss");
  EXPECT_EQ(At(1).lifecycle(), Lifecycle::kUninitialized);
}

}  // namespace
}  // namespace jaco::server
