// Every state of small clusters, within bounds: what no seed happens to draw is
// in here too, and each step of a server is one that the specification allows
// (spec.h). Three servers and two terms come first; then each case opens one
// more dimension and keeps the others small enough to end. None is cut off.
//
// `--far` opens several dimensions at once and stops at a number of states: a
// step of `tools/check --extended`. `--specification` judges by the
// specification alone, which shows what it finds by itself (docs/mutants.md).

#include <iostream>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "jaco/raft/explorer.h"

namespace jaco::raft {
namespace {

bool far = false;
Judge judge = Judge::kAll;

Configuration Voters(uint64_t count) {
  Configuration configuration;
  for (uint64_t id = 1; id <= count; ++id) {
    configuration.voters.push_back(NodeId(id));
  }
  return configuration;
}

std::string Text(const Exploration& found) {
  std::string text = found.violation + "\n";
  for (const std::string& step : found.steps) text += "  " + step + "\n";
  return text;
}

Exploration Look(Scenario scenario) {
  if (scenario.judge == Judge::kAll) scenario.judge = judge;
  Exploration found = Explore(scenario);
  std::cout << found.states << " states of " << found.server_steps
            << " steps of servers" << (found.complete ? ": all, " : ": all ")
            << "within " << found.depth << " steps\n";
  return found;
}

Exploration ExpectAllSafe(const Scenario& scenario) {
  Exploration found = Look(scenario);
  EXPECT_EQ(found.violation, "") << Text(found);
  EXPECT_TRUE(found.complete);
  EXPECT_GE(found.led, scenario.term_max);
  EXPECT_EQ(found.joint, !scenario.target.voters.empty());
  return found;
}

// A leader gives up only for a higher term, and has only its entries to send.
Scenario Quiet(Scenario scenario) {
  scenario.give_ups = 0;
  scenario.heartbeats = 0;
  return scenario;
}

// ---- Three servers, two terms.

TEST(RaftExploreTest, TwoTerms) {
  ExpectAllSafe(
      {.founding = Voters(3), .servers = 3, .instant_disk = true, .led = true});
}

TEST(RaftExploreTest, FirstElection) {
  ExpectAllSafe({.founding = Voters(3),
                 .servers = 3,
                 .term_max = Term(1),
                 .instant_disk = true});
}

TEST(RaftExploreTest, TwoElections) {
  ExpectAllSafe(
      Quiet({.founding = Voters(3), .servers = 3, .instant_disk = true}));
}

// Entries of the first leader are there or not, or somewhere, when the second
// comes (figures 3.6 and 3.7).
TEST(RaftExploreTest, TwoProposals) {
  ExpectAllSafe(Quiet({.founding = Voters(3),
                       .servers = 3,
                       .proposals = 2,
                       .instant_disk = true,
                       .led = true}));
}

// A log may be as long as another and older, or end with an entry that only the
// leader after the next finds on a majority.
TEST(RaftExploreTest, ThreeTerms) {
  ExpectAllSafe(Quiet({.founding = Voters(3),
                       .servers = 3,
                       .term_max = Term(3),
                       .proposals = 1,
                       .elections = 2,
                       .instant_disk = true,
                       .led = true}));
}

TEST(RaftExploreTest, SlowDisks) {
  ExpectAllSafe(Quiet(
      {.founding = Voters(3), .servers = 3, .proposals = 1, .led = true}));
}

TEST(RaftExploreTest, Crash) {
  ExpectAllSafe(
      Quiet({.founding = Voters(3), .servers = 3, .crashes = 1, .led = true}));
}

TEST(RaftExploreTest, LossAndDuplicate) {
  ExpectAllSafe(Quiet({.founding = Voters(3),
                       .servers = 3,
                       .proposals = 1,
                       .losses = 1,
                       .duplicates = 1,
                       .instant_disk = true,
                       .led = true}));
}

TEST(RaftExploreTest, MessagesOvertakeEachOther) {
  ExpectAllSafe(Quiet({.founding = Voters(3),
                       .servers = 3,
                       .link_messages_max = 2,
                       .instant_disk = true,
                       .led = true}));
}

TEST(RaftExploreTest, Snapshot) {
  const Exploration found = ExpectAllSafe(Quiet({.founding = Voters(3),
                                                 .servers = 3,
                                                 .proposals = 1,
                                                 .compactions = 1,
                                                 .instant_disk = true,
                                                 .led = true}));
  EXPECT_TRUE(found.installed);
}

TEST(RaftExploreTest, HandOver) {
  ExpectAllSafe(Quiet({.founding = Voters(3),
                       .servers = 3,
                       .proposals = 1,
                       .transfers = 1,
                       .instant_disk = true,
                       .led = true}));
}

// ---- Members that change.

// Asked for once more while it is under way.
TEST(RaftExploreTest, FromTwoVotersToThreeTwice) {
  ExpectAllSafe(Quiet({.founding = Voters(2),
                       .servers = 3,
                       .term_max = Term(1),
                       .instant_disk = true,
                       .led = true,
                       .target = Voters(3),
                       .changes = 2}));
}

TEST(RaftExploreTest, FromTwoVotersToThree) {
  ExpectAllSafe(Quiet({.founding = Voters(2),
                       .servers = 3,
                       .instant_disk = true,
                       .led = true,
                       .target = Voters(3)}));
}

TEST(RaftExploreTest, FromThreeVotersToTwo) {
  ExpectAllSafe(Quiet({.founding = Voters(3),
                       .servers = 3,
                       .instant_disk = true,
                       .led = true,
                       .target = Voters(2)}));
}

TEST(RaftExploreTest, FromOneVoterToThree) {
  ExpectAllSafe(Quiet({.founding = Voters(1),
                       .servers = 3,
                       .instant_disk = true,
                       .led = true,
                       .target = Voters(3)}));
}

TEST(RaftExploreTest, TheLeaderLeaves) {
  ExpectAllSafe(Quiet({.founding = Voters(3),
                       .servers = 3,
                       .instant_disk = true,
                       .led = true,
                       .target = {.voters = {NodeId(2), NodeId(3)}}}));
}

TEST(RaftExploreTest, FromOneVoterToTwo) {
  ExpectAllSafe(
      {.founding = Voters(1), .servers = 2, .led = true, .target = Voters(2)});
}

TEST(RaftExploreTest, FromTwoVotersToOne) {
  ExpectAllSafe(
      {.founding = Voters(2), .servers = 2, .led = true, .target = Voters(1)});
}

TEST(RaftExploreTest, OneVoterTakesThePlaceOfAnother) {
  ExpectAllSafe({.founding = Voters(1),
                 .servers = 2,
                 .led = true,
                 .target = {.voters = {NodeId(2)}}});
}

// ---- Two servers, all at once.

TEST(RaftExploreTest, TwoServers) {
  ExpectAllSafe({.founding = Voters(2),
                 .servers = 2,
                 .proposals = 1,
                 .crashes = 1,
                 .losses = 1});
}

// The tester is tested: with a disk that forgets what it said it had written,
// entries are committed that nobody holds.
TEST(RaftExploreTest, FindsWhatALyingDiskDoes) {
  const Exploration found = Look({.founding = Voters(3),
                                  .servers = 3,
                                  .term_max = Term(1),
                                  .lying_disk = true,
                                  .judge = Judge::kInvariants});
  EXPECT_NE(found.violation, "");
  std::cout << Text(found);
}

// ---- Too many to visit all.

void ExpectSafeFar(Scenario scenario) {
  if (!far) GTEST_SKIP() << "only with --far";
  scenario.states_max = 10'000'000;
  const Exploration found = Look(scenario);
  EXPECT_EQ(found.violation, "") << Text(found);
}

TEST(RaftExploreFarTest, TwoElectionsAndCrash) {
  ExpectSafeFar({.founding = Voters(3), .servers = 3, .crashes = 1});
}

TEST(RaftExploreFarTest, ThreeTerms) {
  ExpectSafeFar(Quiet({.founding = Voters(3),
                       .servers = 3,
                       .term_max = Term(3),
                       .proposals = 1,
                       .led = true}));
}

TEST(RaftExploreFarTest, EverythingAtOnce) {
  ExpectSafeFar({.founding = Voters(3),
                 .servers = 3,
                 .link_messages_max = 2,
                 .proposals = 2,
                 .crashes = 1,
                 .losses = 1,
                 .duplicates = 1,
                 .compactions = 1,
                 .transfers = 1,
                 .led = true});
}

TEST(RaftExploreFarTest, MembersChangeAndCrash) {
  ExpectSafeFar({.founding = Voters(1),
                 .servers = 3,
                 .crashes = 1,
                 .compactions = 1,
                 .led = true,
                 .target = Voters(3)});
}

}  // namespace
}  // namespace jaco::raft

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "--far") jaco::raft::far = true;
    if (argument == "--specification") {
      jaco::raft::judge = jaco::raft::Judge::kSpecification;
    }
  }
  return RUN_ALL_TESTS();
}
