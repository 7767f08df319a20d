#include "jaco/raft/spec_search.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::raft::spec {
namespace {

using ::testing::HasSubstr;

constexpr Members kThree{0b1110, 0};

Server Follower(Term term, Log log) {
  Server server{.id = 1, .founding = kThree};
  server.memory = {.term = term, .log = std::move(log)};
  server.disk = server.memory;
  return server;
}

Message AskedByTwo(Term term, const Position& last) {
  return {.from = 2, .to = 1, .term = term, .body = VoteRequest{last}};
}

TEST(SpecSearchTest, NothingIsAllowed) {
  const Server server = Follower(1, {{.term = 1}});
  EXPECT_EQ(WhyNotAllowed({.before = server, .after = server}), "");
}

TEST(SpecSearchTest, SeveralActionsAreAStep) {
  Server before = Follower(0, {});
  before.founding = {0b0010, 0};
  Server after = before;
  after.memory = {.term = 1, .voted_for = 1, .log = {{.term = 1}}};
  after.disk = {.term = 1, .voted_for = 1};
  after.writes = {after.memory};
  after.role = Role::kLeader;
  EXPECT_EQ(WhyNotAllowed({.before = before, .after = after}), "");
}

TEST(SpecSearchTest, NobodyLeadsWithoutAQuorum) {
  const Server before = Follower(0, {});
  Server after = before;
  after.memory = {.term = 1, .voted_for = 1};
  after.disk = after.memory;
  after.role = Role::kLeader;
  EXPECT_THAT(WhyNotAllowed({.before = before, .after = after}),
              HasSubstr("no actions lead to"));
}

TEST(SpecSearchTest, AVoteLeavesOnceItIsOnTheDisk) {
  const Server before = Follower(0, {});
  Server after = before;
  after.memory = {.term = 1, .voted_for = 2};
  after.writes = {after.memory};
  Step step{.before = before,
            .after = after,
            .received = AskedByTwo(1, {}),
            .sent = {{.from = 1, .to = 2, .term = 1, .body = Vote{}}}};
  EXPECT_THAT(WhyNotAllowed(step), HasSubstr("may not send"));
  step.after.disk = after.memory;
  step.after.writes.clear();
  EXPECT_EQ(WhyNotAllowed(step), "");
}

TEST(SpecSearchTest, AnOlderLogGetsNoVote) {
  const Server before = Follower(2, {{.term = 1}, {.term = 2}});
  Server after = before;
  after.memory.term = 3;
  after.memory.voted_for = 2;
  after.writes = {after.memory};
  Step step{.before = before,
            .after = after,
            .received = AskedByTwo(3, {.index = 3, .term = 1})};
  EXPECT_THAT(WhyNotAllowed(step), HasSubstr("no actions lead to"));
  step.received = AskedByTwo(3, {.index = 2, .term = 2});
  EXPECT_EQ(WhyNotAllowed(step), "");
}

// Figure 3.7.
TEST(SpecSearchTest, EntriesOfEarlierTermsAreNotCommittedByCounting) {
  Server before = Follower(2, {{.term = 1}, {.term = 2}});
  before.role = Role::kLeader;
  const auto holds = [&](Index match) {
    Server after = before;
    after.match[2] = match;
    after.commit = match;
    return WhyNotAllowed(
        {.before = before,
         .after = after,
         .received = Message{
             .from = 2, .to = 1, .term = 2, .body = Acknowledgement{match}}});
  };
  EXPECT_THAT(holds(1), HasSubstr("no actions lead to"));
  EXPECT_EQ(holds(2), "");
}

}  // namespace
}  // namespace jaco::raft::spec
