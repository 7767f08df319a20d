// What operators ask and do, through whichever member they get hold of.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/operator_api.h"
#include "jaco/sim/server/testing/test_cluster.h"

namespace jaco::server {
namespace {

class OperatorTest : public ClusterTest {
 protected:
  OperatorTest() { policy_ = true; }

  OperatorApi& Operators(NodeNumber node) { return At(node).operators(); }

  // Runs until there is an answer, for `patience` at most.
  template <typename Response, typename Ask>
  absl::StatusOr<Response> Wait(Ask ask, Duration patience = Seconds(15)) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<Response>>>();
    ask([answer](absl::StatusOr<Response> response) {
      EXPECT_FALSE(answer->has_value());
      *answer = std::move(response);
    });
    EXPECT_FALSE(answer->has_value()) << "answered before the call returned";
    const Instant end = queue_.now() + patience;
    while (!answer->has_value() && queue_.now() < end) Run(Milliseconds(10));
    return answer->has_value() ? **answer : absl::InternalError("no answer");
  }
  absl::StatusOr<RaftPeers> Peers(NodeNumber node, bool stale = false) {
    return Wait<RaftPeers>([&](Reply<RaftPeers> reply) {
      Operators(node).ListPeers({}, stale, std::move(reply));
    });
  }
  absl::StatusOr<TransferResponse> Transfer(NodeNumber through,
                                            PeerSelector to) {
    return Wait<TransferResponse>([&](Reply<TransferResponse> reply) {
      Operators(through).TransferLeadership({"carol"}, std::move(to),
                                            std::move(reply));
    });
  }
  absl::StatusOr<RaftPeer> Remove(NodeNumber through, PeerSelector peer) {
    return Wait<RaftPeer>([&](Reply<RaftPeer> reply) {
      Operators(through).RemovePeer({"bob"}, std::move(peer), std::move(reply));
    });
  }
  absl::StatusOr<AutopilotHealth> Health(NodeNumber through) {
    return Wait<AutopilotHealth>([&](Reply<AutopilotHealth> reply) {
      Operators(through).Health({}, std::move(reply));
    });
  }
  absl::StatusOr<AutopilotSettings> Set(NodeNumber through,
                                        SetAutopilotRequest request) {
    return Wait<AutopilotSettings>([&](Reply<AutopilotSettings> reply) {
      Operators(through).SetAutopilot({"alice"}, request, std::move(reply));
    });
  }
  // Who did what is of this kind, once for each.
  std::string Audited(fsm::AuditType type) {
    std::string who;
    for (const fsm::AuditEvent& event : At(Leader()).state().audit()) {
      if (event.type() != type) continue;
      absl::StrAppend(&who, who.empty() ? "" : " ", event.identity());
    }
    return who;
  }
  // How often the leader's log has the removal of a node.
  int Removals(uint64_t id) {
    const raft::Log& log = At(Leader()).raft()->log();
    int removals = 0;
    for (auto i = log.start().index.Next(); i <= log.last().index; ++i) {
      const raft::EntryPtr entry = log.At(i);
      fsm::Command command;
      removals += entry->kind == raft::EntryKind::kCommand &&
                          command.ParseFromString(entry->data) &&
                          command.node_remove().id() == id
                      ? 1
                      : 0;
    }
    return removals;
  }
  NodeNumber Other(int n = 1) {
    return static_cast<NodeNumber>((Leader() - 1 + n) % 3 + 1);
  }
};

TEST_F(OperatorTest, EveryMemberListsThePeers) {
  Found(3);
  for (NodeNumber node = 1; node <= 3; ++node) {
    const auto peers = Peers(node);
    ASSERT_TRUE(peers.ok()) << peers.status();
    ASSERT_EQ(peers->peers.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      const RaftPeer& peer = peers->peers[i];
      EXPECT_EQ(peer.id, i + 1);
      EXPECT_EQ(peer.node, absl::StrCat("n", i + 1));
      EXPECT_EQ(peer.address, AddressOf(static_cast<NodeNumber>(i + 1)));
      EXPECT_EQ(peer.leader, peer.id == Leader());
      EXPECT_TRUE(peer.voter);
    }
  }
  PowerLoss(Other(1));
  PowerLoss(Leader());
  const NodeNumber left = processes_.begin()->first;
  Run(Seconds(1));
  EXPECT_EQ(CodeOf(Peers(left).status()), ErrorCode::kNoLeader);
  const auto stale = Peers(left, true);
  ASSERT_TRUE(stale.ok());
  EXPECT_EQ(stale->peers.size(), 3u);
  EXPECT_FALSE(stale->peers[0].leader || stale->peers[1].leader ||
               stale->peers[2].leader);
  EXPECT_EQ(CodeOf(Health(left).status()), ErrorCode::kNoLeader);
}

TEST_F(OperatorTest, LeadershipGoesWhereItIsSent) {
  Found(3);
  for (int round = 0; round < 6; ++round) {
    const NodeNumber from = Leader();
    const NodeNumber to = Other(1 + round % 2);
    // Through the leader, the target, and the third.
    const auto through = static_cast<NodeNumber>(round % 3 + 1);
    const auto done = Transfer(
        through, round % 2 == 0 ? PeerSelector{.id = to}
                                : PeerSelector{.address = AddressOf(to)});
    ASSERT_TRUE(done.ok()) << done.status();
    EXPECT_EQ(done->from.id, from);
    EXPECT_EQ(done->to.id, to);
    EXPECT_FALSE(done->noop);
    Run(Milliseconds(200));
    EXPECT_EQ(Leader(), to);
  }
  EXPECT_EQ(Audited(fsm::AUDIT_TYPE_LEADERSHIP_TRANSFER),
            "carol carol carol carol carol carol");
  const auto again = Transfer(Other(), {.id = Leader()});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->noop);
  EXPECT_EQ(CodeOf(Transfer(1, {.id = 9}).status()), ErrorCode::kNodeNotFound);
}

TEST_F(OperatorTest, ATransferThatCannotBeIsGivenUp) {
  Found(3);
  const NodeNumber leader = Leader();
  const NodeNumber dead = Other(1);
  PowerLoss(dead);
  Run(Milliseconds(100));
  const auto done = Transfer(Other(2), {.id = dead});
  EXPECT_EQ(CodeOf(done.status()), ErrorCode::kTimeout);
  EXPECT_EQ(Leader(), leader);
}

TEST_F(OperatorTest, ThroughAnyMemberAMemberIsRemoved) {
  Found(3);
  Start(4);
  At(4).Join(raft::NodeId(4), [](const absl::Status& status) {
    EXPECT_TRUE(status.ok()) << status;
  });
  Run(Milliseconds(100));
  At(Leader()).AddNonvoter(raft::NodeId(4), AddressOf(4),
                           [](const absl::Status&) {});
  Run(Seconds(2));
  // A follower.
  const NodeNumber second = Other(1);
  const auto removed = Remove(Other(2), {.address = AddressOf(second)});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->id, second);
  EXPECT_EQ(Audited(fsm::AUDIT_TYPE_NODE_LEAVE), "bob");
  EXPECT_EQ(Audited(fsm::AUDIT_TYPE_NODE_REMOVE), "system");
  EXPECT_EQ(CodeOf(Remove(Leader(), {.id = second}).status()),
            ErrorCode::kNodeNotFound);
  // The leader itself, which hands over first: asked directly.
  Run(Seconds(2));
  const NodeNumber leader = Leader();
  const auto gone = Remove(leader, {.id = leader});
  ASSERT_TRUE(gone.ok()) << gone.status();
  Run(Seconds(1));
  const NodeNumber next = Leader();
  ASSERT_NE(next, leader);
  EXPECT_FALSE(At(next).raft()->configuration().Contains(raft::NodeId(leader)));
  EXPECT_FALSE(At(next).state().nodes().contains(leader));
  EXPECT_EQ(Audited(fsm::AUDIT_TYPE_NODE_LEAVE), "bob bob");
  EXPECT_EQ(Removals(leader), 1);
}

// As where a host was replaced, and its address with it.
TEST_F(OperatorTest, AnAddressOfTwoNamesNobody) {
  Found(3);
  Start(4);
  At(4).Join(raft::NodeId(4), [](const absl::Status& status) {
    EXPECT_TRUE(status.ok()) << status;
  });
  Run(Milliseconds(100));
  const NodeNumber twice = Other();
  At(Leader()).AddNonvoter(raft::NodeId(4), AddressOf(twice),
                           [](const absl::Status&) {});
  Run(Seconds(2));
  const auto members = At(Leader()).raft()->configuration().Members();
  ASSERT_EQ(members.size(), 4u);
  EXPECT_EQ(CodeOf(Remove(Leader(), {.address = AddressOf(twice)}).status()),
            ErrorCode::kConflict);
  EXPECT_EQ(CodeOf(Transfer(Leader(), {.address = AddressOf(twice)}).status()),
            ErrorCode::kConflict);
  EXPECT_EQ(At(Leader()).raft()->configuration().Members(), members);
}

TEST_F(OperatorTest, TheLeaderIsRemovedThroughAFollower) {
  Found(3);
  const NodeNumber leader = Leader();
  const auto gone = Remove(Other(1), {.id = leader});
  ASSERT_TRUE(gone.ok()) << gone.status();
  Run(Seconds(1));
  EXPECT_FALSE(
      At(Leader()).raft()->configuration().Contains(raft::NodeId(leader)));
}

TEST_F(OperatorTest, HealthIsTheLeadersView) {
  Found(3);
  Run(Seconds(1));
  for (NodeNumber node = 1; node <= 3; ++node) {
    const auto health = Health(node);
    ASSERT_TRUE(health.ok()) << health.status();
    EXPECT_TRUE(health->healthy);
    EXPECT_EQ(health->failure_tolerance, 1u);
    EXPECT_EQ(health->leader, Leader());
    ASSERT_EQ(health->servers.size(), 3u);
    EXPECT_EQ(health->servers[0].name, "n1");
    EXPECT_TRUE(health->servers[0].alive);
    EXPECT_GT(health->servers[0].last_index, 0u);
    EXPECT_EQ(health->servers[0].last_term,
              At(node).raft()->last().term.value());
  }
  const NodeNumber dead = Other(1);
  PowerLoss(dead);
  Run(Seconds(1));
  const auto health = Health(Other(2));
  ASSERT_TRUE(health.ok());
  EXPECT_FALSE(health->healthy);
  EXPECT_EQ(health->failure_tolerance, 0u);
  EXPECT_FALSE(health->servers[dead - 1].alive);
}

TEST_F(OperatorTest, AutopilotSettingsAreCheckedAndSet) {
  Found(3);
  AutopilotSettings settings;
  settings.max_trailing_logs = 77;
  const auto first = Set(Other(1), {settings, 0});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GT(first->modify_index, 0u);
  EXPECT_EQ(CodeOf(Set(Other(2), {settings, 0}).status()),
            ErrorCode::kConflict);
  EXPECT_TRUE(Set(Leader(), {settings, first->modify_index}).ok());
  settings.last_contact_threshold = absl::ZeroDuration();
  EXPECT_EQ(CodeOf(Set(1, {settings, std::nullopt}).status()),
            ErrorCode::kValidationFailed);
  for (NodeNumber node = 1; node <= 3; ++node) {
    const auto read = Wait<AutopilotSettings>([&](auto reply) {
      Operators(node).GetAutopilot({}, false, std::move(reply));
    });
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->max_trailing_logs, 77u);
  }
  const fsm::AuditEvent& event = At(1).state().audit().back();
  EXPECT_EQ(event.type(), fsm::AUDIT_TYPE_AUTOPILOT_SET);
  EXPECT_EQ(event.identity(), "alice");
}

TEST_F(OperatorTest, TheAgentKnowsItselfAndTheOthers) {
  Start(9);
  EXPECT_FALSE(Operators(9).Agent().member);
  EXPECT_EQ(Operators(9).Agent().self.name, "n9");
  PowerLoss(9);
  Found(3);
  const AgentInfo info = Operators(Other()).Agent();
  EXPECT_TRUE(info.member);
  EXPECT_EQ(info.nodes.size(), 3u);
  EXPECT_EQ(info.leader_address, AddressOf(Leader()));
  EXPECT_EQ(info.role, "follower");
}

}  // namespace
}  // namespace jaco::server
