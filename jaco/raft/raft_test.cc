// The contract of the interface; what servers say to each other is in
// testdata/raft.

#include "jaco/raft/raft.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/base/time.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/test_server.h"

namespace jaco::raft {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<NodeId> Nodes(std::vector<uint64_t> ids) {
  std::vector<NodeId> nodes;
  for (uint64_t id : ids) nodes.push_back(NodeId(id));
  return nodes;
}

class RaftTest : public ::testing::Test {
 protected:
  // Server 1 with this configuration.
  void Start(Configuration configuration, Options options = {}) {
    StartFrom({.configuration = std::move(configuration)}, options);
  }
  // The same with `next` at index 1 of its log, in term 1.
  void Start(Configuration configuration, const Configuration& next) {
    StartFrom({.hard_state = {.term = Term(1)},
               .configuration = std::move(configuration),
               .entries = {std::make_shared<const Entry>(
                   Entry{.id = {Term(1), LogIndex(1)},
                         .kind = EntryKind::kConfiguration,
                         .data = EncodeConfiguration(next)})}},
              {});
  }
  void StartFrom(ModelDisk disk, Options options) {
    options.id = NodeId(1);
    server_ = std::make_unique<TestServer>(options, std::move(disk), 1);
    last_ = server_->Restart();
  }

  template <typename Input>
  void Do(Input input) {
    last_ = server_->Take(input);
    EXPECT_EQ(server_->status(), absl::OkStatus());
  }
  void Step(uint64_t from, Message message) {
    Do([&](Raft& raft) { raft.Step(server_->now(), NodeId(from), message); });
  }
  void Persist() {
    while (!server_->writes().empty()) {
      last_ = server_->FinishWrites(server_->writes().back().id);
    }
  }
  void Timeout() {
    server_->Advance(server_->deadline() - server_->now());
    Do([&](Raft& raft) { raft.OnDeadline(server_->now()); });
  }
  absl::StatusOr<EntryId> Propose(std::string command) {
    absl::StatusOr<EntryId> id = EntryId();
    Do([&](Raft& raft) { id = raft.Propose(server_->now(), command); });
    return id;
  }
  void Grant(uint64_t from, bool pre_vote) {
    const Term asked = pre_vote ? raft().term().Next() : raft().term();
    Step(from, RequestVoteResponse{
                   .term = asked, .pre_vote = pre_vote, .granted = true});
  }
  // Server 1 is alone and leads term 1.
  void StartAlone(Options options = {}) {
    Start({.voters = Nodes({1})}, options);
    Timeout();
    Persist();
    ASSERT_EQ(raft().role(), Role::kLeader);
  }
  const Raft& raft() const { return server_->raft(); }

  std::unique_ptr<TestServer> server_;
  Ready last_;
};

TEST_F(RaftTest, ProposeNamesTheEntry) {
  StartAlone();
  const auto id = Propose("x");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(*id, (EntryId{Term(1), LogIndex(2)}));
  ASSERT_TRUE(last_.persist.has_value());
  EXPECT_EQ(last_.persist->entries[0]->data, "x");
  EXPECT_THAT(last_.committed, IsEmpty());
}

TEST_F(RaftTest, FollowersRefuseProposals) {
  Start({.voters = Nodes({1, 2, 3})});
  EXPECT_EQ(CodeOf(Propose("x").status()), ErrorCode::kNoLeader);
}

TEST_F(RaftTest, ProposalsHaveLimits) {
  StartAlone({.uncommitted_entries_max = 2, .command_bytes_max = 3});
  EXPECT_EQ(CodeOf(Propose("four").status()), ErrorCode::kTooLarge);
  EXPECT_TRUE(Propose("a").ok());
  EXPECT_TRUE(Propose("b").ok());
  EXPECT_EQ(CodeOf(Propose("c").status()), ErrorCode::kRateLimited);
  Persist();
  EXPECT_TRUE(Propose("c").ok());
}

TEST_F(RaftTest, UncommittedBytesHaveALimit) {
  StartAlone({.uncommitted_bytes_max = 4});
  EXPECT_TRUE(Propose("abcd").ok());
  EXPECT_EQ(CodeOf(Propose("e").status()), ErrorCode::kRateLimited);
  Persist();
  EXPECT_TRUE(Propose("e").ok());
}

// Followers that are faster than our disk commit: it fills up all the same.
TEST_F(RaftTest, WhatIsNotDurableHereCountsAsWell) {
  Start({.voters = Nodes({1, 2, 3})},
        {.uncommitted_entries_max = 2, .uncommitted_bytes_max = 4});
  Timeout();
  Grant(2, /*pre_vote=*/true);
  Persist();
  Grant(2, /*pre_vote=*/false);
  Persist();
  ASSERT_EQ(raft().role(), Role::kLeader);
  const auto acknowledge = [&] {
    for (const uint64_t server : {2, 3}) {
      Step(server,
           AppendEntriesResponse{.term = raft().term(),
                                 .success = true,
                                 .session = raft().progress()->at(0).session,
                                 .match = raft().last().index});
    }
  };
  acknowledge();
  ASSERT_TRUE(Propose("abcd").ok());
  acknowledge();
  ASSERT_EQ(raft().commit(), raft().last().index);
  EXPECT_EQ(CodeOf(Propose("e").status()), ErrorCode::kRateLimited);
  Persist();
  EXPECT_TRUE(Propose("e").ok());
  acknowledge();
  EXPECT_TRUE(Propose("f").ok());
  acknowledge();
  EXPECT_EQ(CodeOf(Propose("g").status()), ErrorCode::kRateLimited);
}

TEST_F(RaftTest, EarlyDeadlinesDoNothing) {
  Start({.voters = Nodes({1, 2, 3})});
  Do([&](Raft& raft) {
    raft.OnDeadline(server_->now());
    EXPECT_FALSE(raft.HasReady());
  });
  EXPECT_EQ(raft().role(), Role::kFollower);
}

TEST_F(RaftTest, MessagesFromNobodyOrItselfAreIgnored) {
  Start({.voters = Nodes({1, 2, 3})});
  for (uint64_t from : {0, 1}) {
    Step(from, RequestVoteRequest{.term = Term(9)});
    EXPECT_EQ(raft().term(), Term(0));
    EXPECT_THAT(last_.messages, IsEmpty());
  }
}

TEST_F(RaftTest, AVoterCountsOnce) {
  Start({.voters = Nodes({1, 2, 3, 4, 5})});
  Timeout();
  Grant(2, true);
  Grant(2, true);
  EXPECT_EQ(raft().role(), Role::kPreCandidate);
  Grant(3, true);
  EXPECT_EQ(raft().role(), Role::kCandidate);
}

TEST_F(RaftTest, VotesOfAnotherTermDoNotCount) {
  Start({.voters = Nodes({1, 2, 3})});
  Timeout();
  Step(2,
       RequestVoteResponse{.term = Term(7), .pre_vote = true, .granted = true});
  EXPECT_EQ(raft().role(), Role::kPreCandidate);
  Step(2, RequestVoteResponse{.term = Term(1), .granted = true});
  EXPECT_EQ(raft().role(), Role::kPreCandidate);
}

TEST_F(RaftTest, LatePreVotesDoNotCampaignAgain) {
  Start({.voters = Nodes({1, 2, 3})});
  Timeout();
  Grant(2, true);
  Persist();
  Grant(2, false);
  ASSERT_EQ(raft().role(), Role::kLeader);
  Grant(3, true);
  Grant(3, false);
  EXPECT_EQ(raft().role(), Role::kLeader);
  EXPECT_EQ(raft().term(), Term(1));
}

TEST_F(RaftTest, AnswersOfAnEarlierTermDoNotCount) {
  Start({.voters = Nodes({1, 2, 3})});
  Timeout();
  Grant(2, true);
  Persist();
  Grant(2, false);
  Persist();
  ASSERT_EQ(raft().role(), Role::kLeader);
  AppendEntriesResponse answer{
      .term = Term(0), .success = true, .match = LogIndex(1)};
  Step(2, answer);
  EXPECT_EQ(raft().commit(), LogIndex(0));
  answer.term = Term(1);
  Step(2, answer);
  EXPECT_EQ(raft().commit(), LogIndex(1));
}

TEST_F(RaftTest, ATransferDoesNotMakeUpForAShorterLog) {
  Start({.voters = Nodes({1, 2, 3})});
  const auto entry =
      std::make_shared<const Entry>(Entry{.id = {Term(1), LogIndex(1)}});
  Step(2, AppendEntriesRequest{.term = Term(1), .entries = {entry}});
  Persist();
  Step(3, RequestVoteRequest{.term = Term(2), .transfer = true});
  EXPECT_EQ(raft().term(), Term(2));
  EXPECT_EQ(raft().hard_state().voted_for, kNoNode);
}

TEST_F(RaftTest, LearnersFollowAndNeverCampaign) {
  Start({.voters = Nodes({2, 3}), .learners = Nodes({1})});
  Step(2, AppendEntriesRequest{.term = Term(1)});
  EXPECT_EQ(raft().leader(), NodeId(2));
  Timeout();
  EXPECT_EQ(raft().leader(), kNoNode);
  // It may have left: a leader that is asked by a stranger says so.
  EXPECT_THAT(last_.messages, SizeIs(2));
  for (const uint64_t voter : {2, 3}) {
    Step(voter, RequestVoteResponse{
                    .term = Term(2), .pre_vote = true, .granted = true});
    EXPECT_EQ(raft().role(), Role::kFollower);
  }
  EXPECT_EQ(raft().hard_state(), (HardState{Term(1), kNoNode}));
}

TEST_F(RaftTest, JointConsensusNeedsBothMajorities) {
  // In the log and not committed: else it would be left at once.
  Start({.voters = Nodes({1, 4, 5})},
        {.voters = Nodes({1, 2, 3}), .outgoing = Nodes({1, 4, 5})});
  Timeout();
  EXPECT_THAT(last_.messages, SizeIs(4));
  Grant(2, true);
  Grant(3, true);
  EXPECT_EQ(raft().role(), Role::kPreCandidate);
  Grant(4, true);
  ASSERT_EQ(raft().role(), Role::kCandidate);
  Persist();
  Grant(2, false);
  Grant(4, false);
  ASSERT_EQ(raft().role(), Role::kLeader);
  Persist();
  const auto acknowledge = [&](uint64_t from) {
    Step(from, AppendEntriesResponse{.term = Term(2),
                                     .success = true,
                                     .session = LogIndex(1),
                                     .match = LogIndex(2)});
  };
  acknowledge(2);
  acknowledge(3);
  EXPECT_EQ(raft().commit(), LogIndex(0));
  acknowledge(5);
  EXPECT_EQ(raft().commit(), LogIndex(2));
  EXPECT_FALSE(raft().configuration().IsJoint());
}

TEST_F(RaftTest, AnswersToWhatWasNeverSentAreIgnored) {
  Start({.voters = Nodes({1, 2, 3})});
  Timeout();
  Grant(2, true);
  Persist();
  Grant(2, false);
  Persist();
  Step(2, AppendEntriesResponse{
              .term = Term(1), .success = true, .match = LogIndex(9)});
  EXPECT_EQ(raft().commit(), LogIndex(0));
  Step(9, AppendEntriesResponse{
              .term = Term(1), .success = true, .match = LogIndex(1)});
  EXPECT_EQ(raft().commit(), LogIndex(0));
}

TEST_F(RaftTest, LoneLeadersNeedNoTimer) {
  StartAlone();
  EXPECT_EQ(server_->deadline(), Instant::Never());
}

TEST_F(RaftTest, CommittedEntriesComeInPortions) {
  const Instant now = Instant() + Seconds(1);
  RestoredState restored{.configuration = {.voters = Nodes({1})}};
  Raft raft({.id = NodeId(1), .committed_entries_max = 2}, restored, Prng(1),
            now);
  raft.OnDeadline(now);  // alone it leads as soon as its vote is durable
  raft.OnPersisted(now, raft.TakeReady().persist->id);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(raft.Propose(now, "x").ok());
  raft.OnPersisted(now, raft.TakeReady().persist->id);
  EXPECT_THAT(raft.TakeReady().committed, SizeIs(2));
  EXPECT_TRUE(raft.HasReady());
  EXPECT_THAT(raft.TakeReady().committed, SizeIs(2));
  EXPECT_FALSE(raft.HasReady());
}

// As after a recovery by peers.json, without which it cannot be.
TEST_F(RaftTest, WhatIsCommittedIsComparedWithTheLeaders) {
  const Instant now = Instant() + Seconds(1);
  const auto entry = [](uint64_t term, uint64_t index) {
    return std::make_shared<const Entry>(
        Entry{{Term(term), LogIndex(index)}, EntryKind::kCommand, "x"});
  };
  const RestoredState restored{.hard_state = {Term(1), kNoNode},
                               .log_start = {Term(1), LogIndex(2)},
                               .configuration = {.voters = Nodes({1, 2, 3})},
                               .entries = {entry(1, 3)},
                               .applied = LogIndex(3)};
  const auto failure_after = [&](const AppendEntriesRequest& request) {
    Raft raft({.id = NodeId(1)}, restored, Prng(1), now);
    raft.Step(now, NodeId(2), request);
    return raft.failure();
  };
  AppendEntriesRequest request{.term = Term(5),
                               .previous = {Term(1), LogIndex(2)},
                               .entries = {entry(1, 3), entry(4, 4)}};
  EXPECT_EQ(failure_after(request), absl::OkStatus());
  request.entries = {entry(4, 3)};
  EXPECT_EQ(CodeOf(failure_after(request)), ErrorCode::kDataLoss);
  request.previous.term = Term(4);
  request.entries.clear();
  EXPECT_EQ(CodeOf(failure_after(request)), ErrorCode::kDataLoss);

  // What ends before the log begins cannot be compared.
  Raft raft({.id = NodeId(1)}, restored, Prng(1), now);
  raft.Step(now, NodeId(2),
            AppendEntriesRequest{.term = Term(5), .entries = {entry(4, 1)}});
  EXPECT_EQ(raft.failure(), absl::OkStatus());
  const Ready ready = raft.TakeReady();
  ASSERT_THAT(ready.messages, SizeIs(1));
  const auto* answer =
      std::get_if<AppendEntriesResponse>(&ready.messages[0].message);
  ASSERT_NE(answer, nullptr);
  EXPECT_FALSE(answer->success);
  EXPECT_EQ(answer->hint, (EntryId{Term(1), LogIndex(2)}));
}

TEST_F(RaftTest, HandsOverToAFitVoterOfAHigherPriority) {
  Start({.voters = Nodes({1, 2, 3})}, {.priority = 50});
  Timeout();
  Grant(2, true);
  Persist();
  Grant(2, false);
  Persist();
  ASSERT_EQ(raft().role(), Role::kLeader);
  const Instant since = server_->now();
  const auto handed_over = [&] {
    for (const OutgoingMessage& message : last_.messages) {
      if (std::holds_alternative<TimeoutNow>(message.message)) return true;
    }
    return false;
  };
  const auto answer = [&](uint64_t from, LogIndex match, uint8_t priority) {
    Step(from, AppendEntriesResponse{.term = raft().term(),
                                     .success = true,
                                     .match = match,
                                     .priority = priority});
  };
  // Server 2 is fit and no better, server 3 is better and lags behind.
  while (server_->now() - since < Seconds(12)) {
    answer(2, raft().last().index, 50);
    answer(3, LogIndex(), 60);
    Timeout();
    ASSERT_FALSE(handed_over());
  }
  const Instant fit = server_->now();
  do {
    answer(2, raft().last().index, 50);
    answer(3, raft().last().index, 60);
    Timeout();
  } while (!handed_over() && server_->now() - fit < Seconds(12));
  EXPECT_GE(server_->now() - fit, Seconds(10));
  EXPECT_LT(server_->now() - fit, Seconds(11));
  EXPECT_EQ(last_.messages.back().to, NodeId(3));
}

TEST_F(RaftTest, CommitMovesAtMostToWhatTheAppendProves) {
  Start({.voters = Nodes({1, 2, 3})});
  AppendEntriesRequest append{.term = Term(1), .commit = LogIndex(5)};
  for (uint64_t i : {1, 2}) {
    append.entries.push_back(std::make_shared<const Entry>(
        Entry{.id = {Term(1), LogIndex(i)}, .kind = EntryKind::kCommand}));
  }
  Step(2, append);
  EXPECT_EQ(raft().commit(), LogIndex(2));
  EXPECT_THAT(last_.committed, IsEmpty());  // not durable yet
  Persist();
  EXPECT_THAT(last_.committed,
              ElementsAre(append.entries[0], append.entries[1]));
}

// A snapshot may stand for entries that are in the log and not yet durable.
TEST_F(RaftTest, TheLogIsCompactedNoFurtherThanItIsDurable) {
  Start({.voters = Nodes({1, 2, 3})});
  AppendEntriesRequest append{.term = Term(1)};
  for (uint64_t i : {1, 2, 3}) {
    append.entries.push_back(std::make_shared<const Entry>(
        Entry{.id = {Term(1), LogIndex(i)}, .kind = EntryKind::kCommand}));
  }
  Step(2, append);
  const EntryId last = append.entries.back()->id;
  Do([&](Raft& raft) {
    ASSERT_TRUE(
        raft.InstallSnapshot(server_->now(), last, raft.configuration()));
    raft.CompactTo(last.index);
  });
  ASSERT_EQ(raft().applied(), last.index);
  EXPECT_EQ(raft().log().start(), EntryId());
  Persist();
  Do([&](Raft& raft) { raft.CompactTo(last.index); });
  EXPECT_EQ(raft().log().start(), last);
}

}  // namespace
}  // namespace jaco::raft
