#include "jaco/sim/simulation.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"
#include "jaco/sim/workload.h"
#include "jaco/sim/world.h"

namespace jaco::sim {
namespace {

constexpr uint64_t kGoldenSeeds = 16;
constexpr uint64_t kGoldenWalks = 4;

RunResult RunSeed(uint64_t seed) {
  return Run(seed, DrawSwarmOptions(seed), /*trace=*/nullptr);
}

// `--config` modes, compilers and machines must agree on these. To rewrite the
// file after a change that is meant to change runs: tools/rewrite-golden.
TEST(SimulationTest, SeedsRunAsTheyDidEverywhere) {
  const char* rewrite = std::getenv("JACO_REWRITE_HASHES");
  std::string text;
  const auto add = [&text](uint64_t seed, const RunResult& result) {
    absl::StrAppend(&text, seed, " ", result.events, " ",
                    absl::Hex(result.hash, absl::kZeroPad16), "\n");
  };
  for (uint64_t seed = 1; seed <= kGoldenSeeds; ++seed) {
    add(seed, RunSeed(seed));
  }
  for (uint64_t seed = 1; seed <= kGoldenWalks; ++seed) {
    SwarmOptions options = DrawSwarmOptions(seed);
    MakeWalk(seed, options);
    absl::StrAppend(&text, "walk ");
    add(seed, sim::Run(seed, options, nullptr));
  }
  if (rewrite != nullptr) {
    std::ofstream(rewrite) << text;
    return;
  }
  std::ifstream file("testdata/sim/hashes.txt");
  const std::string golden((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, golden);
}

TEST(SimulationTest, ASeedRepeats) {
  for (uint64_t seed = 100; seed < 105; ++seed) {
    const RunResult once = RunSeed(seed);
    const RunResult again = RunSeed(seed);
    EXPECT_EQ(once.hash, again.hash) << seed;
    EXPECT_EQ(once.events, again.events) << seed;
  }
}

TEST(SimulationTest, ASeedRepeatsWithRocksDb) {
  for (uint64_t seed = 200; seed < 202; ++seed) {
    SwarmOptions options = DrawSwarmOptions(seed);
    options.rocksdb = true;
    options.fault_time = Seconds(10);
    const RunResult once = sim::Run(seed, options, nullptr);
    const RunResult again = sim::Run(seed, options, nullptr);
    EXPECT_FALSE(once.violation.has_value()) << once.violation->detail;
    EXPECT_EQ(once.hash, again.hash) << seed;
  }
}

TEST(SimulationTest, SeedsDiffer) {
  EXPECT_NE(RunSeed(1).hash, RunSeed(2).hash);
}

TEST(SimulationTest, ARunSeesEnoughToProveSomething) {
  uint64_t operations = 0;
  uint64_t leases = 0;
  uint64_t leaders = 0;
  uint64_t crashes = 0;
  uint64_t repairs = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const RunResult result = RunSeed(seed);
    EXPECT_GE(result.simulated, Seconds(30));
    operations += result.operations;
    leases += result.leases;
    leaders += result.leaders;
    crashes += result.crashes;
    repairs += result.repairs;
  }
  EXPECT_GT(operations, 500u);
  EXPECT_GT(leases, 1000u);
  EXPECT_GT(leaders, 25u);
  EXPECT_GT(crashes, 25u);
  EXPECT_GT(repairs, 0u);
}

TEST(SimulationTest, SmokeHunt) {
  for (uint64_t seed = 1000; seed < 1100; ++seed) {
    SwarmOptions options = DrawSwarmOptions(seed);
    options.fault_time = Seconds(10);
    const RunResult result = sim::Run(seed, options, nullptr);
    if (!result.violation.has_value()) continue;
    ADD_FAILURE() << "jaco-sim run --seed " << seed
                  << " --seconds 10: " << result.violation->invariant << ": "
                  << result.violation->detail;
  }
}

// Servers join by tokens, up to nine, and are removed again.
TEST(SimulationTest, Walks) {
  uint64_t steps = 0;
  int whole = 0;
  uint64_t refusals = 0;
  uint64_t damages = 0;
  uint64_t wipes = 0;
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    SwarmOptions options = DrawSwarmOptions(seed);
    MakeWalk(seed, options);
    const RunResult result = sim::Run(seed, options, nullptr);
    steps += result.steps;
    whole += result.walked ? 1 : 0;
    refusals += result.refusals;
    damages += result.damages;
    wipes += result.wipes;
    if (!result.violation.has_value()) continue;
    ADD_FAILURE() << "jaco-sim run --walk --seed " << seed << ": "
                  << result.violation->invariant << ": "
                  << result.violation->detail;
  }
  EXPECT_GT(steps, 250u);
  // In the others there is too much going on.
  EXPECT_GE(whole, 14);
  EXPECT_GT(refusals, 24u);
  EXPECT_GT(damages, 12u);
  EXPECT_GT(wipes, 6u);
}

TEST(SimulationTest, AWalkRepeats) {
  for (uint64_t seed = 300; seed < 303; ++seed) {
    SwarmOptions options = DrawSwarmOptions(seed);
    MakeWalk(seed, options);
    const RunResult once = sim::Run(seed, options, nullptr);
    EXPECT_EQ(once.hash, sim::Run(seed, options, nullptr).hash) << seed;
  }
}

// Followers whose leader is silent for longer than they wait elect another.
TEST(SimulationTest, ALeaderThatDoesNotStayIsFound) {
  SwarmOptions options;
  options.heartbeat_interval = options.election_timeout * 3;
  options.fault_time = Seconds(2);
  const RunResult result = sim::Run(/*seed=*/1, options, nullptr);
  ASSERT_TRUE(result.violation.has_value());
  EXPECT_EQ(result.violation->invariant, "liveness");
}

// Canary: a planted bug, a disk whose syncs lie, is found, and soon.
TEST(SimulationTest, ALyingDiskIsFound) {
  std::map<std::string, int> found;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SwarmOptions options = DrawSwarmOptions(seed);
    options.lying_disk_one_in = 1;
    options.FaultsOf(FaultKind::kCrash) = {Milliseconds(2000),
                                           Milliseconds(200)};
    const RunResult result = sim::Run(seed, options, nullptr);
    if (!result.violation.has_value()) continue;
    EXPECT_FALSE(result.liveness) << seed;
    ++found[result.violation->invariant];
  }
  // What is gone is noticed by who looks at the disk, or by recovery itself.
  EXPECT_GT(found["durability"] + found["durable_vote"] + found["repair"], 5);
  int all = 0;
  for (const auto& [invariant, count] : found) all += count;
  EXPECT_EQ(all, 20);
}

// Canary: clocks that drift more than the leases allow for.
TEST(SimulationTest, DriftBeyondTheBoundOfLeasesIsFound) {
  std::map<std::string, int> found;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SwarmOptions options = DrawSwarmOptions(seed);
    options.lease_reads = true;
    options.drift_ppm_max = 0;
    options.drift_ppm_beyond = 800'000;
    // Servers with fast clocks win elections; those with slow ones are wanted.
    options.FaultsOf(FaultKind::kTransfer) = {Milliseconds(400),
                                              Milliseconds(1)};
    options.heartbeat_interval = Milliseconds(30);
    options.election_timeout = Milliseconds(300);
    options.FaultsOf(FaultKind::kIsolate) = {Milliseconds(500),
                                             Milliseconds(1000)};
    const RunResult result = sim::Run(seed, options, nullptr);
    if (result.violation.has_value()) ++found[result.violation->invariant];
  }
  EXPECT_GT(found["lease"], 1);
}

// A leader whose disk stalls makes room for another, and the cluster goes on.
TEST(SimulationTest, AStalledDiskEndsALeadership) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SwarmOptions options;
    options.clients = 5;
    options.client_pause = Milliseconds(20);
    options.lease_reads = seed % 2 == 0;
    Trace trace(nullptr);
    World world(seed, options, trace);
    Workload workload(world, seed);
    const auto run = [&world](Duration time) {
      const Instant end = world.now() + time;
      while (world.now() < end && world.Step()) {
      }
    };
    run(Seconds(3));
    const NodeNumber leader = world.Leader();
    ASSERT_NE(leader, kWorld);
    world.node(leader).StallDisk(Seconds(10));
    const raft::LogIndex before = world.checkers().committed().last();
    run(options.election_timeout * 2);
    EXPECT_NE(world.node(leader).last_seen()->role, raft::Role::kLeader);
    run(options.client_timeout * 2);
    EXPECT_NE(world.Leader(), leader);
    EXPECT_NE(world.Leader(), kWorld);
    EXPECT_GT(world.checkers().committed().last(), before + 10);
    EXPECT_FALSE(world.findings().first().has_value());
  }
}

}  // namespace
}  // namespace jaco::sim
