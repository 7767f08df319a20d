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
  scenario.states_max = far ? 20'000'000 : 70'000;
  Exploration found = Explore(scenario);
  std::cout << found.states << " states"
            << (found.complete ? ": all, " : ": all ") << "within "
            << found.depth << " steps\n";
  return found;
}

void ExpectSafe(const Scenario& scenario) {
  const Exploration found = Look(scenario);
  EXPECT_EQ(found.violation, "") << Text(found);
}

void ExpectAllSafe(const Scenario& scenario) {
  const Exploration found = Look(scenario);
  EXPECT_EQ(found.violation, "") << Text(found);
  EXPECT_TRUE(found.complete);
}

TEST(RaftExploreTest, TwoServersFromNothing) {
  ExpectAllSafe({.founding = Voters(2),
                 .servers = 2,
                 .term_max = Term(1),
                 .messages_max = 3,
                 .crashes = 1,
                 .losses = 1});
}

TEST(RaftExploreTest, TwoServersWithALeader) {
  ExpectAllSafe(
      {.founding = Voters(2), .servers = 2, .proposals = 1, .led = true});
}

TEST(RaftExploreTest, ThreeServersFromNothing) {
  ExpectSafe({.founding = Voters(3), .servers = 3, .term_max = Term(1)});
}

TEST(RaftExploreTest, ThreeServersWithALeader) {
  ExpectSafe({.founding = Voters(3),
              .servers = 3,
              .messages_max = 4,
              .proposals = 1,
              .crashes = 1,
              .losses = 1,
              .led = true});
}

TEST(RaftExploreTest, Duplicates) {
  ExpectSafe({.founding = Voters(2),
              .servers = 2,
              .messages_max = 3,
              .proposals = 1,
              .duplicates = 1,
              .led = true});
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

// The tester is tested: with a disk that forgets what it said it had written,
// entries are committed that nobody holds.
TEST(RaftExploreTest, FindsWhatALyingDiskDoes) {
  const Exploration found = Look({.founding = Voters(3),
                                  .servers = 3,
                                  .term_max = Term(1),
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
