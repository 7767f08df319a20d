// The checker passes what is right and fires at what is wrong.

#include "jaco/sim/checkers/join_history.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <map>
#include <string>

namespace jaco::sim {
namespace {

class JoinHistoryTest : public ::testing::Test {
 protected:
  JoinHistoryTest() {
    Table({1});
    history_.OnAsked(2, "red", 20);
    history_.OnAsked(3, "red", 30);
    history_.OnAsked(3, "blue", 31);
  }

  void Table(std::initializer_list<uint64_t> ids) {
    std::map<uint64_t, fsm::Node> nodes;
    for (const uint64_t id : ids) nodes[id].set_id(id);
    history_.Check(nodes, findings_);
  }
  void Members(std::initializer_list<uint64_t> ids) {
    raft::Configuration configuration;
    for (const uint64_t id : ids) configuration.voters.emplace_back(id);
    history_.CheckMembers(configuration, findings_);
  }
  std::string Found() const {
    return findings_.first().has_value() ? findings_.first()->detail : "";
  }

  JoinHistory history_;
  Findings findings_;
};

TEST_F(JoinHistoryTest, WhatIsRightPasses) {
  Members({1});
  Table({1, 20});
  // Of two racers the other.
  history_.OnSpent(3, "red", findings_);
  history_.OnAsked(2, "red", 20);
  Members({1, 20});
  Table({1, 20, 31});
  Members({1, 20, 31});
  EXPECT_EQ(history_.admitted(), 2u);
  Table({1, 31});
  history_.OnSpent(2, "red", findings_);
  // A server may not have heard that the other was removed.
  Members({1, 20, 31});
  EXPECT_EQ(Found(), "");
}

TEST_F(JoinHistoryTest, AServerThatWasWipedIsAnother) {
  Table({1, 20});
  history_.OnWiped(2);
  history_.OnAsked(2, "red", 20);
  history_.OnSpent(2, "red", findings_);
  EXPECT_EQ(Found(), "");
  // Of all others the token is still looked at.
  Table({1, 20, 31});
  history_.OnSpent(3, "blue", findings_);
  EXPECT_NE(Found(), "");
}

TEST_F(JoinHistoryTest, ATokenThatAdmitsTwoIsFound) {
  Table({1, 20, 30});
  EXPECT_EQ(Found(), "one token admitted node 20 and node 30");
}

// Also when the first has left.
TEST_F(JoinHistoryTest, ATokenThatIsUsedAgainIsFound) {
  Table({1, 20});
  Table({1});
  EXPECT_EQ(Found(), "");
  Table({1, 30});
  EXPECT_EQ(Found(), "one token admitted node 20 and node 30");
}

TEST_F(JoinHistoryTest, OneThatComesBackIsFound) {
  Table({1, 20});
  Table({1});
  Table({1, 20});
  EXPECT_EQ(Found(), "node 20, \"\", was removed and is back");
}

TEST_F(JoinHistoryTest, OneThatNeverJoinedIsFound) {
  Table({1, 40});
  EXPECT_EQ(Found(), "node 40 is there and never joined");
}

TEST_F(JoinHistoryTest, AMemberThatNoTokenAdmittedIsFound) {
  Members({1, 20});
  EXPECT_EQ(Found(), "no token admitted member 20");
}

TEST_F(JoinHistoryTest, ANodeThatIsSentAwayIsFound) {
  Table({1, 20});
  history_.OnSpent(2, "red", findings_);
  EXPECT_EQ(Found(),
            "server 2 is told that its token is spent, by which it is node 20");
}

}  // namespace
}  // namespace jaco::sim
