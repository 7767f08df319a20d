// Clusters under random messages, losses, crashes and delays: the core's own
// smoke test. The simulator does this with the whole server and more faults.

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/raft/cluster_checker.h"
#include "jaco/raft/configuration_checker.h"
#include "jaco/raft/invariants.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/test_server.h"

namespace jaco::raft {
namespace {

constexpr int kSteps = 700;
constexpr size_t kUnderWayMax = 150;
constexpr int64_t kDriftPpmMax = 200'000;
// An election, and two hand-overs: the preferred leader may have to catch up.
constexpr Duration kSettleTime = Seconds(40);

struct Shape {
  size_t voters;
  size_t others = 0;  // in no cluster at first
};

class RandomCluster {
 public:
  RandomCluster(Shape shape, uint64_t seed)
      : prng_(seed), membership_(shape.others > 0) {
    // Every seed has faults of its own.
    drop_ = prng_.Below(3) * 5;
    crash_ = prng_.Below(3);
    reorder_ = prng_.Below(3) * 20;
    compacts_ = prng_.Chance(2, 3);
    Options options;
    if (prng_.Chance(1, 2)) {
      options.append_entries_max = 2;
      options.inflight_messages_max = 2;
      options.committed_entries_max = 3;
    }
    const bool leases = prng_.Chance(1, 2);
    mixed_ = leases && prng_.Chance(1, 4);
    if (prng_.Chance(1, 2)) drift_ppm_max_ = kDriftPpmMax;
    options.clock_drift_ppm_max = drift_ppm_max_;
    const bool prefers = prng_.Chance(1, 2);
    for (size_t i = 1; i <= shape.voters; ++i) {
      founding_.voters.push_back(NodeId(i));
    }
    for (size_t i = 1; i <= shape.voters + shape.others; ++i) {
      options.id = NodeId(i);
      options.lease_reads = leases && !(mixed_ && prng_.Chance(1, 3));
      if (prefers) {
        options.priority = static_cast<uint8_t>(50 * prng_.Below(3));
      }
      priorities_.push_back(options.priority);
      rates_.push_back(static_cast<int64_t>(prng_.Between(
                           0, static_cast<uint64_t>(2 * drift_ppm_max_))) -
                       drift_ppm_max_);
      ModelDisk disk;
      if (i <= shape.voters) disk.configuration = founding_;
      servers_.push_back(
          std::make_unique<TestServer>(options, disk, prng_.Next()));
      Handle(*servers_.back(), servers_.back()->Restart());
    }
  }

  void Run() {
    for (int i = 0; i < kSteps && !::testing::Test::HasFailure(); ++i) Step();
  }

  // Without further faults there is soon one log and one leader, and a
  // proposal is committed everywhere.
  void Settle() {
    for (auto& server : servers_) {
      if (!server->up()) Handle(*server, server->Restart());
    }
    Quiet(kSettleTime);
    TestServer* leader = FindLeader();
    ASSERT_NE(leader, nullptr);
    CheckPriority(*leader);
    Propose(*leader);
    Quiet(Seconds(1));
    CheckAgreement(*leader);
    EXPECT_TRUE(reads_.empty()) << "reads without an answer";
    if (!membership_ || ::testing::Test::HasFailure()) return;
    // The cluster can be brought to any configuration; here, to where it began.
    Change(*leader, founding_);
    Quiet(kSettleTime);
    leader = FindLeader();
    ASSERT_NE(leader, nullptr);
    CheckPriority(*leader);
    EXPECT_EQ(leader->raft().configuration(), founding_);
    CheckAgreement(*leader);
  }

  size_t committed() const { return checker_.committed().size(); }
  size_t reads_answered() const { return reads_answered_; }
  size_t installed() const { return installed_; }
  size_t changes() const { return configurations_.changes(); }
  size_t leases() const { return leases_; }
  size_t damaged() const { return damaged_; }

 private:
  struct Sent {
    NodeId from;
    NodeId to;
    Message message;
  };
  struct PendingRead {
    NodeId server;
    LogIndex committed;  // what the answer must not be below
  };

  // A snapshot on its way: what it ends with, and what the leader asked.
  struct Snapshot {
    NodeId from;
    SnapshotToSend wanted;
    EntryId last;
    Configuration configuration;
    bool arrived = false;
  };

  bool Percent(uint64_t percent) { return prng_.Chance(percent, 100); }
  TestServer& Random() { return *servers_[prng_.Below(servers_.size())]; }
  TestServer& At(NodeId id) { return *servers_[id.value() - 1]; }

  void Step() {
    TestServer& server = Random();
    const uint64_t dice = prng_.Below(100);
    if (!snapshots_.empty() && Percent(5)) MoveSnapshots();
    if (dice < 50) {
      DeliverSome();
    } else if (dice < 69) {
      PersistSome(server);
    } else if (dice < 76) {
      Pass(prng_.Between(Milliseconds(1), Milliseconds(400)));
    } else if (dice < 85) {
      if (server.up()) Propose(server);
    } else if (dice < 89) {
      if (server.up()) Read(server);
    } else if (dice < 91) {
      if (server.up() && compacts_) Compact(server);
    } else if (dice < 93) {
      Reconfigure(server);
    } else if (dice < 95) {
      if (server.up()) Disturb(server);
    } else if (!server.up()) {
      bool& lease_reads = server.options().lease_reads;
      if (mixed_ && prng_.Chance(1, 2)) lease_reads = !lease_reads;
      Handle(server, server.Restart());
    } else if (Percent(crash_ * 20)) {
      Crash(server);
      if (Percent(30)) Damage(server);
    }
  }

  // Never half of them, and not while the voters change: those that are sound
  // could not go on without the one that waits for them.
  void Damage(TestServer& server) {
    if (membership_ || server.repairing()) return;
    size_t damaged = 1;
    for (const auto& other : servers_) damaged += other->repairing() ? 1 : 0;
    if (2 * damaged >= servers_.size()) return;
    server.Damage(prng_.Below(server.disk().entries.size() + 1));
    ++damaged_;
  }

  void DeliverSome() {
    if (network_.empty()) return;
    const size_t at = Percent(reorder_) ? prng_.Below(network_.size()) : 0;
    const Sent sent = network_[at];
    // Otherwise it stays, and is delivered once more later.
    if (!Percent(drop_ / 2)) network_.erase(network_.begin() + at);
    if (!Percent(drop_)) Deliver(sent);
  }

  void Deliver(const Sent& sent) {
    TestServer& server = At(sent.to);
    if (!server.up()) return;
    Handle(server, server.Take([&](Raft& raft) {
      raft.Step(server.now(), sent.from, sent.message);
    }));
  }

  void PersistSome(TestServer& server) {
    if (!server.up() || server.writes().empty()) return;
    const size_t last = prng_.Below(server.writes().size());
    Handle(server, server.FinishWrites(server.writes()[last].id));
  }

  void Pass(Duration time) {
    for (size_t i = 0; i < servers_.size(); ++i) {
      const int64_t drift = time.nanoseconds() / 1'000'000 * rates_[i];
      servers_[i]->Advance(time + Nanoseconds(drift));
    }
    for (auto& server : servers_) {
      if (!server->up() || server->now() < server->deadline()) continue;
      Handle(*server,
             server->Take([&](Raft& raft) { raft.OnDeadline(server->now()); }));
    }
  }

  void Propose(TestServer& server) {
    Handle(server, server.Take([&](Raft& raft) {
      raft.Propose(server.now(), absl::StrCat(++proposals_)).IgnoreError();
    }));
  }

  // Mostly where it has a chance to be accepted.
  void Reconfigure(TestServer& server) {
    TestServer* leader = FindLeader();
    TestServer& asked = leader != nullptr && Percent(90) ? *leader : server;
    if (!membership_ || !asked.up()) return;
    Configuration target;
    for (const auto& member : servers_) {
      if (Percent(50)) {
        target.voters.push_back(member->id());
      } else if (Percent(20)) {
        target.learners.push_back(member->id());
      }
    }
    if (target.voters.empty()) target.voters = founding_.voters;
    std::erase_if(target.learners,
                  [&](NodeId node) { return target.IsVoter(node); });
    Change(asked, target);
  }

  void Change(TestServer& server, const Configuration& target) {
    Handle(server, server.Take([&](Raft& raft) {
      raft.ProposeConfiguration(server.now(), target).IgnoreError();
    }));
  }

  void Disturb(TestServer& server) {
    TestServer* leader = FindLeader();
    if (leader != nullptr && Percent(50)) {
      const NodeId target = Random().id();
      Handle(*leader, leader->Take([&](Raft& raft) {
        raft.TransferLeadership(leader->now(), target).IgnoreError();
      }));
      return;
    }
    const NodeId peer = server.raft().leader();
    Handle(server, server.Take([&](Raft& raft) {
      raft.OnPeerDown(server.now(), peer);
    }));
  }

  void Read(TestServer& server) {
    const ReadId id(++read_ids_);
    reads_[id] = {server.id(), highest_commit_};
    Handle(server, server.Take([&](Raft& raft) {
      raft.RequestRead(server.now(), id);
    }));
  }

  void Compact(TestServer& server) {
    const LogIndex applied = server.raft().applied();
    const uint64_t trailing = prng_.Below(4);
    if (applied.value() <= trailing) return;
    Handle(server, server.Compact(applied - trailing));
  }

  // A transfer is lost, or comes to its next stage.
  void MoveSnapshots() {
    if (snapshots_.empty()) return;
    Snapshot snapshot = std::move(snapshots_.front());
    snapshots_.pop_front();
    TestServer& leader = At(snapshot.from);
    if (Percent(drop_)) {
      if (leader.up()) {
        Handle(leader, leader.Take([&](Raft& raft) {
          raft.OnSnapshotFailed(leader.now(), snapshot.wanted.to);
        }));
      }
    } else if (snapshot.arrived) {
      if (leader.up()) {
        Handle(leader, leader.Take([&](Raft& raft) {
          raft.OnSnapshotSent(leader.now(), snapshot.wanted.to,
                              snapshot.wanted.session, snapshot.last);
        }));
      }
    } else if (TestServer& to = At(snapshot.wanted.to); to.up()) {
      Handle(to, to.Take([&](Raft& raft) {
        const bool installed = raft.InstallSnapshot(to.now(), snapshot.last,
                                                    snapshot.configuration);
        if (installed) ++installed_;
      }));
      snapshot.arrived = true;
      snapshots_.push_back(std::move(snapshot));
    } else {
      snapshots_.push_back(std::move(snapshot));
    }
  }

  // The leader's snapshot is somewhere between its log's start and what it has
  // applied.
  void SendSnapshot(const Raft& leader, const SnapshotToSend& wanted) {
    const LogIndex start = leader.log().start().index;
    const LogIndex index = start + prng_.Below(leader.applied() - start + 1);
    snapshots_.push_back({leader.id(),
                          wanted,
                          {*leader.log().TermAt(index), index},
                          leader.ConfigurationAt(index)});
  }

  void Crash(TestServer& server) {
    server.Crash();
    checker_.OnCrash(server.id());
    for (auto it = reads_.begin(); it != reads_.end();) {
      it = it->second.server == server.id() ? reads_.erase(it) : std::next(it);
    }
  }

  void Handle(TestServer& server, const Ready& ready) {
    for (const auto& [to, message] : ready.messages) {
      network_.push_back({server.id(), to, message});
      if (network_.size() > kUnderWayMax) network_.pop_front();
    }
    for (const SnapshotToSend& wanted : ready.snapshots_to_send) {
      SendSnapshot(server.raft(), wanted);
    }
    for (const ReadResult& read : ready.reads) {
      const auto it = reads_.find(read.id);
      ASSERT_NE(it, reads_.end()) << "a read is answered twice";
      if (read.status.ok()) {
        EXPECT_GE(read.index, it->second.committed) << "a stale read";
        ++reads_answered_;
      }
      reads_.erase(it);
    }
    std::vector<const Raft*> up;
    for (const auto& other : servers_) {
      if (other->up()) up.push_back(&other->raft());
    }
    EXPECT_EQ(server.status(), absl::OkStatus());
    EXPECT_EQ(checker_.Check(server.raft(), ready.committed, up),
              absl::OkStatus());
    EXPECT_EQ(configurations_.Check(Observe(server.raft())), absl::OkStatus());
    highest_commit_ = std::max(highest_commit_, server.raft().commit());
    if (server.raft().role() == Role::kLeader) CheckLeases(server);
  }

  void CheckPriority(const TestServer& leader) {
    for (NodeId voter : leader.raft().configuration().voters) {
      EXPECT_LE(PriorityOf(voter), PriorityOf(leader.id()));
    }
  }
  int PriorityOf(NodeId node) const { return priorities_[node.value() - 1]; }

  // While one holds a lease nobody leads in a later term.
  void CheckLeases(const TestServer& leader) {
    for (const auto& other : servers_) {
      if (!other->up() || !other->raft().HoldsLease(other->now())) continue;
      ++leases_;
      EXPECT_GE(other->raft().term(), leader.raft().term())
          << "server " << other->id().value() << " holds a lease while server "
          << leader.id().value() << " leads";
    }
  }

  void Quiet(Duration time) {
    for (Duration passed; passed < time && !::testing::Test::HasFailure();
         passed = passed + Milliseconds(50)) {
      Pass(Milliseconds(50));
      for (size_t n = snapshots_.size(); n > 0; --n) MoveSnapshots();
      // What is sent while this is delivered arrives in the next round.
      for (size_t n = network_.size(); n > 0; --n) {
        const Sent sent = std::move(network_.front());
        network_.pop_front();
        Deliver(sent);
      }
      for (auto& server : servers_) {
        if (server->writes().empty()) continue;
        Handle(*server, server->FinishWrites(server->writes().back().id));
      }
    }
  }

  // Of the highest term.
  TestServer* FindLeader() {
    TestServer* leader = nullptr;
    for (auto& server : servers_) {
      if (!server->up() || server->raft().role() != Role::kLeader) continue;
      if (leader == nullptr || server->raft().term() > leader->raft().term()) {
        leader = server.get();
      }
    }
    return leader;
  }

  // Members have the leader's log; others know that they are none, if they
  // know the leader.
  void CheckAgreement(const TestServer& leader) {
    const Configuration& configuration = leader.raft().configuration();
    EXPECT_FALSE(configuration.IsJoint());
    for (const auto& server : servers_) {
      const Raft& raft = server->raft();
      if (!configuration.Contains(raft.id())) {
        // Who knows only of others that left has nobody to hear it from.
        if (!raft.configuration().IsVoter(leader.id())) continue;
        EXPECT_FALSE(raft.configuration().IsVoter(raft.id()))
            << "server " << raft.id().value() << " does not know that it left";
        EXPECT_EQ(server->deadline(), Instant::Never());
        continue;
      }
      EXPECT_EQ(raft.leader(), leader.id());
      EXPECT_FALSE(raft.repairing());
      EXPECT_EQ(raft.last(), leader.raft().last());
      EXPECT_EQ(raft.applied(), leader.raft().last().index);
      EXPECT_EQ(raft.configuration(), configuration);
    }
  }

  Prng prng_;
  const bool membership_;
  Configuration founding_;
  uint64_t drop_ = 0;     // per cent
  uint64_t crash_ = 0;    // 0 to 2
  uint64_t reorder_ = 0;  // per cent
  bool compacts_ = false;
  bool mixed_ = false;  // lease reads here and there, now and then
  std::vector<std::unique_ptr<TestServer>> servers_;
  std::deque<Sent> network_;
  ClusterChecker checker_;
  ConfigurationChecker configurations_;
  LogIndex highest_commit_;  // that any server ever knew
  std::map<ReadId, PendingRead> reads_;
  uint64_t read_ids_ = 0;
  uint64_t proposals_ = 0;
  size_t reads_answered_ = 0;
  std::deque<Snapshot> snapshots_;
  size_t installed_ = 0;
  int64_t drift_ppm_max_ = 0;
  std::vector<int> priorities_;
  std::vector<int64_t> rates_;  // of each server's clock, ppm from the truth
  size_t leases_ = 0;
  size_t damaged_ = 0;
};

// RAFT_SEEDS=10000 looks longer.
uint64_t Seeds() {
  uint64_t seeds = 0;
  const char* wish = std::getenv("RAFT_SEEDS");
  return wish != nullptr && absl::SimpleAtoi(wish, &seeds) ? seeds : 150;
}

class RaftRandomTest : public ::testing::TestWithParam<Shape> {};

TEST_P(RaftRandomTest, IsSafeUnderFaultsAndLiveWithoutThem) {
  const uint64_t seeds = Seeds();
  size_t committed = 0;
  size_t reads = 0;
  size_t installed = 0;
  size_t changes = 0;
  size_t leases = 0;
  size_t damaged = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    RandomCluster cluster(GetParam(), seed);
    cluster.Run();
    if (!HasFailure()) cluster.Settle();
    committed += cluster.committed();
    reads += cluster.reads_answered();
    installed += cluster.installed();
    changes += cluster.changes();
    leases += cluster.leases();
    damaged += cluster.damaged();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  // A test in which nothing happens finds nothing.
  EXPECT_GT(committed, 4 * seeds);
  EXPECT_GT(reads, seeds / 2);
  EXPECT_GT(leases, 10 * seeds);
  if (GetParam().others > 0) {
    EXPECT_GT(changes, 10 * seeds);
  }
  if (GetParam().voters > 2 && GetParam().others == 0) {
    EXPECT_GT(damaged, seeds / 2);
  }
  if (GetParam().voters > 1) {
    EXPECT_GT(installed, seeds / 40);
  }
  RecordProperty("installed", static_cast<int>(installed));
  RecordProperty("committed", static_cast<int>(committed));
  RecordProperty("reads", static_cast<int>(reads));
  RecordProperty("changes", static_cast<int>(changes));
}

INSTANTIATE_TEST_SUITE_P(Servers, RaftRandomTest,
                         ::testing::Values(Shape{1}, Shape{3}, Shape{4},
                                           Shape{5}, Shape{1, 2}, Shape{3, 2},
                                           Shape{3, 4}, Shape{5, 2}));

}  // namespace
}  // namespace jaco::raft
