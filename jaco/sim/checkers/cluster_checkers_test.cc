// Each checker passes what is right and fires at what is wrong.

#include "jaco/sim/checkers/cluster_checkers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "jaco/raft/codec.h"

namespace jaco::sim {
namespace {

using raft::LogIndex;
using raft::NodeId;
using raft::Term;

raft::EntryPtr MakeEntry(uint64_t term, uint64_t index,
                         const std::string& data = "") {
  return std::make_shared<const raft::Entry>(
      raft::Entry{{Term(term), LogIndex(index)}, raft::EntryKind::kNoop, data});
}

// A log with one entry a term given.
std::unique_ptr<raft::Log> MakeLog(const std::vector<uint64_t>& terms) {
  auto log = std::make_unique<raft::Log>(raft::EntryId{},
                                         std::vector<raft::EntryPtr>{});
  for (size_t i = 0; i < terms.size(); ++i) {
    log->Append(MakeEntry(terms[i], i + 1));
  }
  return log;
}

// A node of a cluster of three with a log of its own; the fields are the
// test's to change.
struct FakeNode {
  FakeNode(NodeNumber number, const std::vector<uint64_t>& terms)
      : log(MakeLog(terms)) {
    view.node = number;
    view.at.id = NodeId(number);
    view.fresh = true;
    configuration.voters = {NodeId(1), NodeId(2), NodeId(3)};
    SetTerm(terms.empty() ? 0 : terms.back());
    Follow();
    view.at.durable = view.at.last.index;
  }

  void SetTerm(uint64_t term, uint64_t vote = 0) {
    view.at.hard_state = {Term(term), NodeId(vote)};
    view.at.durable_hard_state = view.at.hard_state;
  }
  void Follow() {
    view.log = log.get();
    view.at.log = log.get();
    view.configuration = &configuration;
    view.at.first_configuration = &none;
    view.at.last = log->last();
  }
  void Lead(uint64_t term) {
    SetTerm(term, view.node);
    view.at.role = raft::Role::kLeader;
  }
  void Commit(uint64_t index) { view.at.commit.index = LogIndex(index); }

  std::unique_ptr<raft::Log> log;
  raft::Configuration configuration;
  raft::Configuration none;
  NodeView view;
};

class CheckersTest : public testing::Test {
 protected:
  std::string Found() const {
    return findings_.first().has_value() ? findings_.first()->invariant : "";
  }

  Findings findings_;
};

TEST_F(CheckersTest, FindingsKeepTheFirst) {
  findings_.Report("a", "1");
  findings_.Report("b", "2");
  EXPECT_EQ(findings_.first()->invariant, "a");
}

TEST_F(CheckersTest, ElectionSafety) {
  ElectionSafety checker;
  FakeNode one(1, {1}), two(2, {1});
  one.Lead(2);
  checker.Check(one.view, findings_);
  checker.Check(one.view, findings_);
  two.Lead(3);
  checker.Check(two.view, findings_);
  EXPECT_EQ(Found(), "");
  EXPECT_EQ(checker.leaders(), 2u);
  two.Lead(2);
  checker.Check(two.view, findings_);
  EXPECT_EQ(Found(), "election_safety");
}

TEST_F(CheckersTest, VoterCount) {
  VoterCount checker;
  FakeNode node(1, {1});
  const auto configure = [&](uint64_t index, std::vector<NodeId> voters) {
    node.view.at.configuration_index = LogIndex(index);
    node.configuration.voters = std::move(voters);
    checker.Check(node.view, findings_);
  };
  configure(1, {NodeId(1), NodeId(2)});  // the founders
  configure(2, {NodeId(1), NodeId(2)});
  configure(3, {NodeId(1), NodeId(2), NodeId(3)});
  node.configuration.outgoing = {NodeId(1)};
  configure(4, {NodeId(1), NodeId(3)});  // joint
  node.configuration.outgoing.clear();
  EXPECT_EQ(Found(), "");
  configure(5, {NodeId(1), NodeId(3)});
  EXPECT_EQ(Found(), "voter_count");
}

TEST_F(CheckersTest, VoterCountHasALimit) {
  VoterCount checker;
  FakeNode node(1, {1});
  node.view.at.configuration_index = LogIndex(2);
  node.configuration.voters.clear();
  for (uint64_t i = 1; i <= 9; ++i) {
    node.configuration.voters.push_back(NodeId(i));
  }
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "voter_count");
}

TEST_F(CheckersTest, DurableVoteChangesWithinATerm) {
  DurableVote checker;
  FakeNode node(1, {1});
  node.SetTerm(2);
  checker.Check(node.view, findings_);
  node.SetTerm(2, 3);
  checker.Check(node.view, findings_);
  node.SetTerm(3, 1);
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "");
  node.SetTerm(3, 2);
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "durable_vote");
}

TEST_F(CheckersTest, DurableTermIsForgottenByARestart) {
  DurableVote checker;
  FakeNode node(1, {1});
  node.SetTerm(3);
  checker.Check(node.view, findings_);
  FakeNode restarted(1, {1});
  restarted.SetTerm(2);
  checker.Check(restarted.view, findings_);
  EXPECT_EQ(Found(), "durable_vote");
}

TEST_F(CheckersTest, Monotonicity) {
  Monotonicity checker;
  FakeNode node(1, {1, 1, 1});
  node.Commit(3);
  checker.Check(node.view, findings_);
  node.Commit(1);
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "") << "a fresh incarnation may begin lower";
  node.view.fresh = false;
  node.Commit(0);
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "monotonicity");
}

TEST_F(CheckersTest, LogMatchingOfContent) {
  LogMatching checker;
  FakeNode one(1, {1, 1}), two(2, {1});
  checker.Check(one.view, findings_);
  checker.Check(two.view, findings_);
  EXPECT_EQ(Found(), "");
  two.log->Append(MakeEntry(1, 2, "other"));
  checker.Check(two.view, findings_);
  EXPECT_EQ(Found(), "log_matching");
}

TEST_F(CheckersTest, LogMatchingOfThePrefix) {
  LogMatching checker;
  FakeNode one(1, {1, 3}), two(2, {2, 3});
  checker.Check(one.view, findings_);
  checker.Check(two.view, findings_);
  EXPECT_EQ(Found(), "log_matching");
}

TEST_F(CheckersTest, LogMatchingSeesAnEntryReplacedInPlace) {
  LogMatching checker;
  FakeNode node(1, {1, 1});
  checker.Check(node.view, findings_);
  node.log->TruncateFrom(LogIndex(2));
  node.log->Append(MakeEntry(1, 2, "other"));
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "log_matching");
}

TEST_F(CheckersTest, CommittedEntriesAreImmutable) {
  CommittedLog checker;
  FakeNode one(1, {1, 1}), two(2, {1, 2}), three(3, {1, 1});
  for (FakeNode* node : {&one, &three, &two}) {
    node->Commit(1);
    checker.Check(node->view, findings_);
  }
  one.view.fresh = false;
  one.Commit(2);
  checker.Check(one.view, findings_);
  EXPECT_EQ(checker.last(), LogIndex(2));
  EXPECT_EQ(Found(), "");
  two.view.fresh = false;
  two.Commit(2);
  checker.Check(two.view, findings_);
  EXPECT_EQ(Found(), "committed_immutable");
}

TEST_F(CheckersTest, LeaderCompleteness) {
  CommittedLog committed;
  LeaderCompleteness checker;
  FakeNode one(1, {1, 2}), two(2, {1}), three(3, {1, 2});
  one.Commit(2);
  committed.Check(one.view, findings_);
  three.Lead(3);
  checker.Check(three.view, committed, findings_);
  two.Lead(2);  // learns late of an election that is history
  checker.Check(two.view, committed, findings_);
  EXPECT_EQ(Found(), "");
  two.Lead(4);
  checker.Check(two.view, committed, findings_);
  EXPECT_EQ(Found(), "leader_completeness");
}

TEST_F(CheckersTest, WhatWasDurableSurvives) {
  DurableLog checker;
  FakeNode node(1, {1, 1, 2});
  checker.CheckNode(node.view, findings_);
  FakeNode longer(1, {1, 1, 2, 3});
  checker.CheckNode(longer.view, findings_);
  EXPECT_EQ(Found(), "");
  FakeNode replaced(1, {1, 1, 3, 3});
  checker.CheckNode(replaced.view, findings_);
  EXPECT_EQ(Found(), "durability");
}

TEST_F(CheckersTest, DamageExcusesOnlyARepair) {
  DurableLog checker;
  FakeNode node(1, {1, 1, 2});
  checker.CheckNode(node.view, findings_);
  FakeNode damaged(1, {1});
  damaged.view.damaged = true;
  damaged.view.at.repairing = true;
  checker.CheckNode(damaged.view, findings_);
  damaged.view.damaged = false;
  checker.CheckNode(damaged.view, findings_);
  EXPECT_EQ(Found(), "");
  FakeNode cut(1, {});
  cut.view.damaged = true;
  checker.CheckNode(cut.view, findings_);
  EXPECT_EQ(Found(), "durability");
}

TEST_F(CheckersTest, ARepairWithoutDamage) {
  DurableLog checker;
  FakeNode node(1, {1});
  checker.CheckNode(node.view, findings_);
  EXPECT_EQ(Found(), "");
  node.view.at.repairing = true;
  checker.CheckNode(node.view, findings_);
  EXPECT_EQ(Found(), "repair");
}

TEST_F(CheckersTest, WhatAServerInRepairHeldCounts) {
  DurableLog checker;
  FakeNode one(1, {1, 1}), two(2, {1, 1}), three(3, {1});
  for (FakeNode* node : {&one, &two, &three}) {
    checker.CheckNode(node->view, findings_);
  }
  FakeNode damaged(2, {});
  damaged.view.damaged = true;
  damaged.view.at.repairing = true;
  checker.CheckNode(damaged.view, findings_);
  one.Commit(2);
  checker.CheckQuorum(one.view, LogIndex(2), findings_);
  EXPECT_EQ(Found(), "");
  damaged.view.fresh = false;
  damaged.view.at.repairing = false;
  checker.CheckNode(damaged.view, findings_);
  checker.CheckQuorum(one.view, LogIndex(2), findings_);
  EXPECT_EQ(Found(), "commit_quorum");
}

TEST_F(CheckersTest, WhatWasNotDurableMayGo) {
  DurableLog checker;
  FakeNode node(1, {1, 1, 2});
  node.view.at.durable = LogIndex(2);
  checker.CheckNode(node.view, findings_);
  FakeNode restarted(1, {1, 1});
  checker.CheckNode(restarted.view, findings_);
  EXPECT_EQ(Found(), "");
}

TEST_F(CheckersTest, CommittedMeansDurableOnAQuorum) {
  DurableLog checker;
  FakeNode one(1, {1, 1}), two(2, {1, 1}), three(3, {1});
  two.view.at.durable = LogIndex(1);
  for (FakeNode* node : {&one, &two, &three}) {
    checker.CheckNode(node->view, findings_);
  }
  one.Commit(1);
  checker.CheckQuorum(one.view, LogIndex(1), findings_);
  EXPECT_EQ(Found(), "");
  one.Commit(2);
  checker.CheckQuorum(one.view, LogIndex(2), findings_);
  EXPECT_EQ(Found(), "commit_quorum");
}

TEST_F(CheckersTest, CommittedMeansDurableOnBothQuorumsOfAJointConfiguration) {
  DurableLog checker;
  FakeNode one(1, {1}), two(2, {1}), three(3, {});
  for (FakeNode* node : {&one, &two, &three}) {
    checker.CheckNode(node->view, findings_);
  }
  one.configuration.outgoing = {NodeId(1), NodeId(3), NodeId(4)};
  one.Commit(1);
  checker.CheckQuorum(one.view, LogIndex(1), findings_);
  EXPECT_EQ(Found(), "commit_quorum");
}

TEST_F(CheckersTest, StateDigestOfTheSameIndex) {
  StateDigest checker;
  FakeNode node(1, {1});
  checker.Apply(*node.log->At(LogIndex(1)), findings_);
  node.view.machine_applied = LogIndex(1);
  node.view.digest = checker.machine().digest();
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "");
  node.view.digest.low ^= 1;
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "state_digest");
}

TEST_F(CheckersTest, NothingIsAppliedThatIsNotCommitted) {
  StateDigest checker;
  FakeNode node(1, {1});
  node.view.machine_applied = LogIndex(1);
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "state_digest");
}

TEST_F(CheckersTest, AllTogetherPassAHealthyCluster) {
  ClusterCheckers checkers(/*voter_policy=*/true);
  FakeNode one(1, {1, 1}), two(2, {1, 1}), three(3, {1});
  for (FakeNode* node : {&two, &three, &one}) {
    checkers.Check(node->view, findings_);
    node->view.fresh = false;
  }
  one.Lead(1);
  one.Commit(2);
  checkers.Check(one.view, findings_);
  EXPECT_EQ(Found(), "");
  EXPECT_EQ(checkers.committed().last(), LogIndex(2));
  EXPECT_EQ(checkers.elections().leaders(), 1u);
}

TEST_F(CheckersTest, VotersThatChangeWithoutAJointConfiguration) {
  ConfigurationRules checker;
  FakeNode node(1, {});
  const auto append = [&](uint64_t index, uint64_t voter) {
    node.log->Append(std::make_shared<const raft::Entry>(
        raft::Entry{{Term(1), LogIndex(index)},
                    raft::EntryKind::kConfiguration,
                    raft::EncodeConfiguration({.voters = {NodeId(voter)}})}));
    node.view.at.configuration_index = LogIndex(index);
  };
  append(1, 1);
  checker.Check(node.view, findings_);
  EXPECT_FALSE(findings_.first().has_value());
  append(2, 2);
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "configuration_rules");
}

// The entry before is compacted away.
TEST_F(CheckersTest, VotersMayNotJumpAtTheStartOfALogEither) {
  ConfigurationRules checker;
  FakeNode node(1, {});
  const raft::Configuration first{.voters = {NodeId(1)}};
  node.view.at.first_configuration = &first;
  node.log->Append(std::make_shared<const raft::Entry>(
      raft::Entry{{Term(1), LogIndex(1)},
                  raft::EntryKind::kConfiguration,
                  raft::EncodeConfiguration({.voters = {NodeId(2)}})}));
  node.view.at.configuration_index = LogIndex(1);
  checker.Check(node.view, findings_);
  EXPECT_EQ(Found(), "configuration_rules");
}

}  // namespace
}  // namespace jaco::sim
