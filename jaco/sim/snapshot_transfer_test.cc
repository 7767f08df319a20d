// Followers that need what is compacted away, in whole clusters. Chance finds
// the rest: swarm options draw small snapshots for every second seed.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/time.h"
#include "jaco/raft/types.h"
#include "jaco/sim/sim_node.h"
#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"
#include "jaco/sim/workload.h"
#include "jaco/sim/world.h"

namespace jaco::sim {
namespace {

constexpr uint64_t kSeed = 1;
constexpr NodeNumber kFollower = 3;
constexpr uint64_t kEntries = 64;  // between snapshots

SwarmOptions Options() {
  SwarmOptions options;
  options.snapshot_entries = kEntries;
  options.snapshot_trailing = 16;
  options.snapshot_chunk_bytes = 512;
  options.snapshot_window = 1;
  options.clients = 10;
  options.client_pause = Milliseconds(10);
  options.link.delay_base = Milliseconds(1);
  return options;
}

// Three servers under load, one of which is down and far behind.
class Cluster {
 public:
  explicit Cluster(const SwarmOptions& options)
      : world_(kSeed, options, trace_) {
    RunFor(Seconds(3));
    if (world_.Leader() == kFollower) {
      world_.Crash(kFollower, StopKind::kKill, Milliseconds(100));
      RunFor(Seconds(3));
    }
    world_.Crash(kFollower, StopKind::kKill, Seconds(1000));
    RunFor(Seconds(10));
  }

  void RunFor(Duration time) {
    RunUntil(time, [] { return false; });
  }
  bool RunUntil(Duration limit, absl::FunctionRef<bool()> done) {
    const Instant end = world_.now() + limit;
    while (!done() && world_.now() < end && world_.Step()) {
    }
    const auto& first = world_.findings().first();
    EXPECT_FALSE(first.has_value())
        << first->invariant << ": " << first->detail;
    return done();
  }

  void StartFollower() { world_.node(kFollower).Start(); }
  void CrashFollower() {
    world_.Crash(kFollower, StopKind::kKill, Seconds(1000));
  }
  raft::LogIndex CommitAt(NodeNumber node) {
    const auto& seen = world_.node(node).last_seen();
    return seen.has_value() ? seen->commit.index : raft::LogIndex();
  }
  // Up to date means up to what is committed now, not when it came back.
  bool FollowerKeepsUp() {
    return world_.Leader() != kWorld && world_.Leader() != kFollower &&
           CommitAt(kFollower) + kEntries >= CommitAt(world_.Leader());
  }
  // In the order of their names, with `suffix`.
  std::vector<std::string> SnapshotsAt(NodeNumber node, const char* suffix) {
    std::vector<std::string> paths;
    const std::string directory =
        absl::StrCat(SimNode::kDataDirectory, "/snapshots");
    const auto names = world_.node(node).disk().List(directory);
    if (!names.ok()) return paths;  // none yet
    for (const std::string& name : *names) {
      if (!absl::EndsWith(name, suffix)) continue;
      paths.push_back(absl::StrCat(directory, "/", name));
    }
    return paths;
  }
  uint64_t SizeAt(NodeNumber node, const std::string& path) {
    return world_.node(node).disk().FileSize(path).value();
  }
  World& world() { return world_; }
  Workload& workload() { return workload_; }

 private:
  Trace trace_{nullptr};
  World world_;
  Workload workload_{world_, kSeed};
};

TEST(SnapshotTransferTest, AFollowerFarBehindRecoversUnderFullLoad) {
  SwarmOptions options = Options();
  options.snapshot_chunk_bytes = 8192;
  Cluster cluster(options);
  const raft::LogIndex missing = cluster.CommitAt(cluster.world().Leader());
  ASSERT_GT(missing, raft::LogIndex(8 * kEntries));
  const uint64_t completed = cluster.workload().completed();
  cluster.StartFollower();
  ASSERT_TRUE(
      cluster.RunUntil(Seconds(10), [&] { return cluster.FollowerKeepsUp(); }));
  EXPECT_EQ(cluster.world().installs(), 1u);
  // The writes of all clients went on meanwhile.
  EXPECT_GT(cluster.workload().completed(), completed + 10);
  cluster.RunFor(Seconds(3));
  EXPECT_TRUE(cluster.FollowerKeepsUp());
  EXPECT_EQ(cluster.world().installs(), 1u);
}

// Each incarnation lives too briefly to receive all of it.
TEST(SnapshotTransferTest, ATransferGoesOnAfterTheFollowersRestarts) {
  Duration whole;
  {
    Cluster cluster(Options());
    const Instant begin = cluster.world().now();
    cluster.StartFollower();
    ASSERT_TRUE(cluster.RunUntil(
        Seconds(20), [&] { return cluster.world().installs() > 0; }));
    whole = cluster.world().now() - begin;
  }
  Cluster cluster(Options());
  const auto installed = [&] { return cluster.world().installs() > 0; };
  int lives = 0;
  for (; lives < 8 && !installed(); ++lives) {
    cluster.StartFollower();
    if (cluster.RunUntil(whole / 2, installed)) continue;
    cluster.CrashFollower();
    cluster.RunFor(Milliseconds(50));
  }
  EXPECT_GT(lives, 2);
  EXPECT_TRUE(installed()) << whole.milliseconds() << " ms without crashes";
}

// It goes on where the other stopped: it has the same file.
TEST(SnapshotTransferTest, AnotherLeaderTakesOver) {
  constexpr uint64_t kSeldom = 512;
  SwarmOptions options = Options();
  options.snapshot_entries = kSeldom;
  Cluster cluster(options);
  const auto one_is_new = [&] {
    const uint64_t behind =
        cluster.CommitAt(cluster.world().Leader()).value() % kSeldom;
    return behind > 20 && behind < 40;
  };
  ASSERT_TRUE(cluster.RunUntil(Seconds(30), one_is_new));
  cluster.StartFollower();
  cluster.RunFor(Seconds(1));
  const std::vector<std::string> parts =
      cluster.SnapshotsAt(kFollower, ".part");
  ASSERT_EQ(parts.size(), 1u) << "over already";
  uint64_t arrived = cluster.SizeAt(kFollower, parts[0]);
  ASSERT_GT(arrived, 0u);
  const NodeNumber old = cluster.world().Leader();
  cluster.world().Crash(old, StopKind::kPowerLoss, Seconds(2));
  ASSERT_TRUE(cluster.RunUntil(Seconds(30), [&] {
    if (cluster.world().installs() > 0) return true;
    const auto found = cluster.SnapshotsAt(kFollower, ".part");
    if (found.empty()) return false;  // it has all of it
    EXPECT_EQ(found, parts);
    EXPECT_GE(cluster.SizeAt(kFollower, found[0]), arrived);
    arrived = cluster.SizeAt(kFollower, found[0]);
    return testing::Test::HasFailure();
  }));
  EXPECT_NE(cluster.world().Leader(), old);
  ASSERT_TRUE(
      cluster.RunUntil(Seconds(30), [&] { return cluster.FollowerKeepsUp(); }));
}

// Whatever became of them on the way.
TEST(SnapshotTransferTest, AllServersHaveTheSameFiles) {
  SwarmOptions options = Options();
  options.snapshot_log_bytes = 4096;
  options.snapshot_chunk_bytes = 8192;
  Cluster cluster(options);
  cluster.StartFollower();
  ASSERT_TRUE(
      cluster.RunUntil(Seconds(30), [&] { return cluster.FollowerKeepsUp(); }));
  EXPECT_GE(cluster.world().installs(), 1u);
  World& world = cluster.world();
  world.Crash(world.Leader(), StopKind::kKill, Milliseconds(100));
  cluster.RunFor(Seconds(5));
  std::vector<std::string> files;
  ASSERT_TRUE(cluster.RunUntil(Seconds(5), [&] {
    files = cluster.SnapshotsAt(kFollower, ".snapshot");
    return files.size() == 2 && cluster.SnapshotsAt(1, ".snapshot") == files &&
           cluster.SnapshotsAt(2, ".snapshot") == files;
  }));
  for (const std::string& file : files) {
    const std::string bytes = world.node(kFollower).disk().Contents(file);
    EXPECT_TRUE(world.node(1).disk().Contents(file) == bytes) << file;
    EXPECT_TRUE(world.node(2).disk().Contents(file) == bytes) << file;
  }
}

}  // namespace
}  // namespace jaco::sim
