// Every state of small clusters, within bounds: what no seed happens to draw is
// in here too. `--far` looks further, for minutes.

#include <iostream>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "jaco/raft/explorer.h"

namespace jaco::raft {
namespace {

bool far = false;

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
  scenario.states_max = far ? 20'000'000 : 60'000;
  Exploration found = Explore(scenario);
  std::cout << found.states << " states, " << (found.complete ? "all" : "")
            << " within " << found.depth << " steps\n";
  return found;
}

void ExpectSafe(const Scenario& scenario) {
  const Exploration found = Look(scenario);
  EXPECT_EQ(found.violation, "") << Text(found);
}

TEST(RaftExploreTest, TwoServersFromNothing) {
  ExpectSafe({.founding = Voters(2), .servers = 2, .messages_max = 3});
}

TEST(RaftExploreTest, ThreeServersFromNothing) {
  ExpectSafe({.founding = Voters(3),
              .servers = 3,
              .term_max = Term(1),
              .proposals = 0});
}

TEST(RaftExploreTest, ThreeServersWithALeader) {
  ExpectSafe({.founding = Voters(3), .servers = 3, .led = true});
}

TEST(RaftExploreTest, DuplicatesAndNoCrash) {
  ExpectSafe({.founding = Voters(2),
              .servers = 2,
              .crashes = 0,
              .duplicates = 2,
              .led = true});
}

TEST(RaftExploreTest, FromOneVoterToTwo) {
  ExpectSafe({.founding = Voters(1),
              .servers = 2,
              .proposals = 0,
              .led = true,
              .target = Voters(2)});
}

TEST(RaftExploreTest, FromTwoVotersToOne) {
  ExpectSafe({.founding = Voters(2),
              .servers = 2,
              .proposals = 0,
              .led = true,
              .target = Voters(1)});
}

TEST(RaftExploreTest, OneVoterTakesThePlaceOfAnother) {
  ExpectSafe({.founding = Voters(1),
              .servers = 2,
              .proposals = 0,
              .led = true,
              .target = {.voters = {NodeId(2)}}});
}

// The tester is tested: a disk that forgets what it said it had written makes
// two leaders of one term, or loses what was committed.
TEST(RaftExploreTest, FindsWhatALyingDiskDoes) {
  const Exploration found = Look({.founding = Voters(3),
                                  .servers = 3,
                                  .term_max = Term(1),
                                  .proposals = 0,
                                  .losses = 0,
                                  .lying_disk = true});
  EXPECT_NE(found.violation, "");
  std::cout << Text(found);
}

}  // namespace
}  // namespace jaco::raft

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  jaco::raft::far = argc > 1 && absl::string_view(argv[1]) == "--far";
  return RUN_ALL_TESTS();
}
