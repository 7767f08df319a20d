// Every rule fires when it is broken: states that no Raft should get into are
// made by hand.

#include "jaco/raft/invariants.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::raft {
namespace {

using ::testing::HasSubstr;

EntryPtr NewEntry(uint64_t term, uint64_t index) {
  return std::make_shared<const Entry>(
      Entry{.id = {Term(term), LogIndex(index)}});
}

class InvariantsTest : public ::testing::Test {
 protected:
  InvariantsTest() {
    for (uint64_t id : {2, 3}) {
      Progress peer;
      peer.id = NodeId(id);
      peer.next = LogIndex(4);
      peer.OnAcknowledged(LogIndex(3));
      peers_.push_back(peer);
    }
  }

  // Server 1 of 3 leads term 2; its log is 1:1 2:2 2:3 2:4.
  Observation Leader() {
    return {.id = NodeId(1),
            .hard_state = {Term(2), NodeId(1)},
            .durable_hard_state = {Term(2), NodeId(1)},
            .role = Role::kLeader,
            .leader = NodeId(1),
            .commit = {Term(2), LogIndex(3)},
            .applied = LogIndex(3),
            .durable = LogIndex(4),
            .last = {Term(2), LogIndex(4)},
            .match_sum = 6,
            .peers = &peers_,
            .configuration = &configuration_,
            .log = &log_};
  }

  Observation Follower() {
    Observation server = Leader();
    server.role = Role::kFollower;
    server.leader = NodeId(3);
    server.hard_state.voted_for = NodeId(3);
    server.durable_hard_state.voted_for = NodeId(3);
    server.peers = nullptr;
    return server;
  }

  void ExpectOk(const Observation& before, const Observation& after) {
    EXPECT_EQ(CheckInvariants(before, after), absl::OkStatus());
  }

  void ExpectBroken(const Observation& before, const Observation& after,
                    const std::string& rule) {
    const absl::Status status = CheckInvariants(before, after);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr(rule));
    EXPECT_THAT(std::string(status.message()), HasSubstr("server 1"));
  }

  Configuration configuration_{.voters = {NodeId(1), NodeId(2), NodeId(3)}};
  Log log_{{},
           {NewEntry(1, 1), NewEntry(2, 2), NewEntry(2, 3), NewEntry(2, 4)}};
  std::vector<Progress> peers_;
};

TEST_F(InvariantsTest, SoundStatesPass) {
  ExpectOk(Leader(), Leader());
  ExpectOk(Follower(), Follower());
}

TEST_F(InvariantsTest, CommitAndAppliedWithinTheLog) {
  Observation after = Follower();
  after.commit.index = LogIndex(5);
  ExpectBroken(Follower(), after, "commit is beyond the log");

  after = Follower();
  after.applied = LogIndex(4);
  ExpectBroken(Follower(), after, "applied is beyond commit");

  after = Follower();
  after.durable = LogIndex(2);
  ExpectBroken(Follower(), after, "applied is beyond what is durable");

  after = Follower();
  after.durable = LogIndex(5);
  ExpectBroken(Follower(), after, "durable is beyond the log");
}

TEST_F(InvariantsTest, TermsAgree) {
  Observation after = Follower();
  after.hard_state.term = Term(1);
  ExpectBroken(Follower(), after, "the log is ahead of the term");

  after = Follower();
  after.durable_hard_state.term = Term(3);
  ExpectBroken(Follower(), after, "the durable term is ahead of the term");
}

TEST_F(InvariantsTest, RolesAgreeWithVotesAndLeaders) {
  Observation after = Follower();
  after.role = Role::kCandidate;
  ExpectBroken(Follower(), after, "a candidate without its own vote");

  after = Follower();
  after.leader = NodeId(1);
  ExpectBroken(Follower(), after, "it follows itself");

  after = Leader();
  after.leader = NodeId(2);
  ExpectBroken(Leader(), after, "a leader that follows another");

  after = Leader();
  after.durable_hard_state.voted_for = kNoNode;
  ExpectBroken(Leader(), after, "a leader without its own durable vote");
}

TEST_F(InvariantsTest, MatchIsBelowNext) {
  peers_[0].match = peers_[0].next;
  ExpectBroken(Leader(), Leader(), "match is not below next");
}

TEST_F(InvariantsTest, NextIsWithinTheLog) {
  peers_[0].next = LogIndex(6);
  ExpectBroken(Leader(), Leader(), "next is beyond the log");
}

TEST_F(InvariantsTest, AProbeHasNothingInFlight) {
  peers_[0].state = Progress::State::kProbe;
  peers_[0].inflights.Add(LogIndex(3), 1);
  ExpectBroken(Leader(), Leader(), "a probe with a stream in flight");
}

TEST_F(InvariantsTest, NothingFalls) {
  Observation before = Follower();
  before.hard_state.term = Term(3);
  ExpectBroken(before, Follower(), "the term fell");

  before = Follower();
  before.durable_hard_state.term = Term(3);
  ExpectBroken(before, Follower(), "the durable term fell");

  before = Follower();
  before.commit.index = LogIndex(4);
  ExpectBroken(before, Follower(), "commit fell");

  before = Follower();
  before.applied = LogIndex(4);
  ExpectBroken(before, Follower(), "applied fell");
}

TEST_F(InvariantsTest, CommittedEntriesStay) {
  Observation before = Follower();
  before.commit.term = Term(1);
  ExpectBroken(before, Follower(), "a committed entry was replaced");
}

TEST_F(InvariantsTest, OneVoteAndOneLeaderATerm) {
  Observation before = Follower();
  before.hard_state.voted_for = NodeId(2);
  ExpectBroken(before, Follower(), "a vote was changed within its term");
  before.hard_state.term = Term(1);
  ExpectOk(before, Follower());

  before = Follower();
  before.leader = NodeId(2);
  ExpectBroken(before, Follower(), "the leader changed within its term");
}

TEST_F(InvariantsTest, ALeaderKeepsItsLogAndItsMatches) {
  Observation before = Leader();
  before.last = {Term(1), LogIndex(4)};
  ExpectBroken(before, Leader(), "a leader replaced an entry of its own log");

  before = Leader();
  before.match_sum = 7;
  ExpectBroken(before, Leader(), "a match index fell");
}

TEST_F(InvariantsTest, ALeaderCommitsOnAQuorumInItsOwnTerm) {
  Observation before = Leader();
  before.commit = {Term(2), LogIndex(2)};
  ExpectOk(before, Leader());

  Observation after = Leader();
  after.commit = {Term(2), LogIndex(4)};  // durable here only
  ExpectBroken(Leader(), after, "committed without a quorum");

  before.commit = {};
  after.commit = {Term(1), LogIndex(1)};
  after.applied = LogIndex(0);
  before.applied = LogIndex(0);
  ExpectBroken(before, after, "an entry of an earlier term was committed");
}

TEST_F(InvariantsTest, OnlyVotersAreElected) {
  Observation before = Leader();
  before.role = Role::kCandidate;
  before.leader = kNoNode;
  ExpectOk(before, Leader());
  configuration_.voters = {NodeId(2), NodeId(3), NodeId(4)};
  ExpectBroken(before, Leader(), "a server that is no voter was elected");
  Observation after = Leader();
  after.configuration_index = LogIndex(4);  // not committed yet
  ExpectOk(before, after);
}

}  // namespace
}  // namespace jaco::raft
