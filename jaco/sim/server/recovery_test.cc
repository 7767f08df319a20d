// A cluster loses its quorum for good, and comes back by raft/peers.json
// (server/peers_file.h).

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/base/logger.h"
#include "jaco/base/prng.h"
#include "jaco/raft/log.h"
#include "jaco/server/server.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/sim_disk.h"
#include "jaco/sim/sim_entropy.h"
#include "jaco/sim/sim_event_loop.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/sim/sim_network.h"
#include "jaco/sim/trace.h"

namespace jaco::server {
namespace {

using sim::NodeNumber;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr char kPeersJson[] = "/data/raft/peers.json";
constexpr char kPeersInfo[] = "/data/raft/peers.info";
constexpr int kNodes = 5;

std::string AddressOf(NodeNumber node) {
  return absl::StrCat("10.0.0.", int{node}, ":7001");
}

// Short log segments and frequent snapshots, so that both are met.
ServerOptions OptionsOf(NodeNumber node, bool policy) {
  ServerOptions options;
  options.node_name = absl::StrCat("n", int{node});
  options.data_dir = "/data";
  options.peer_address = AddressOf(node);
  options.use_rocksdb = false;
  options.log_segment_bytes = 4096;
  options.raft.election_timeout = Milliseconds(300);
  options.raft.heartbeat_interval = Milliseconds(30);
  options.snapshots.entries = 16;
  options.snapshots.trailing_entries = 8;
  options.autopilot.enabled = policy;
  options.autopilot.settle_min = Milliseconds(500);
  options.autopilot.config.set_server_stabilization_time_ns(0);
  return options;
}

struct Process {
  Process(sim::EventQueue& queue, sim::Fabric& fabric, NodeNumber node,
          env::FileSystem& files, uint64_t number, bool policy)
      : clock(queue, {}),
        loop(queue, clock, node, Duration(), Prng(number)),
        network(fabric, node),
        disk(queue, loop, files, {}, Prng(number)),
        entropy(number),
        server(OptionsOf(node, policy),
               {&clock, &loop, &network, &disk, &entropy, &logger}) {
    server.Start([this](absl::Status status) { started = std::move(status); },
                 [this](absl::Status status) { failed = std::move(status); });
  }

  sim::SimClock clock;
  sim::SimEventLoop loop;
  sim::SimNetwork network;
  sim::SimDisk disk;
  sim::SimEntropy entropy;
  NullLogger logger;
  std::optional<absl::Status> started;
  std::optional<absl::Status> failed;
  Server server;
};

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() {
    for (NodeNumber node = 1; node <= kNodes; ++node) {
      auto& files = files_[node];
      files = std::make_unique<sim::SimFileSystem>(Prng(node));
      EXPECT_TRUE(files->CreateDirectory("/data").ok());
      EXPECT_TRUE(files->SyncDirectory("/").ok());
    }
  }

  void Start(NodeNumber node) {
    processes_[node] = std::make_unique<Process>(
        queue_, fabric_, node, *files_[node], ++started_, policy_);
    Run(Milliseconds(100));
  }
  void PowerLoss(NodeNumber node) {
    sim::SimFileSystem& files = *files_[node];
    if (!files.crashed()) {
      files.FailAt(files.operations() + 1, sim::SimFileSystem::Fault::kCrash);
    }
    processes_.erase(node);
    files.FailAt(0, sim::SimFileSystem::Fault::kCrash);
    files.Crash(prng_);
  }
  Server& At(NodeNumber node) { return processes_.at(node)->server; }

  void Run(Duration time) {
    const Instant end = queue_.now() + time;
    sim::Event event;
    while (queue_.now() < end && queue_.Pop(&event)) event.task();
  }

  void Found(int servers) {
    Founding founding;
    founding.cluster_id = "c-1";
    founding.token_hash = std::string(64, 'a');
    for (NodeNumber node = 1; node <= servers; ++node) {
      founding.members.push_back(
          {raft::NodeId(node), absl::StrCat("n", int{node}), AddressOf(node)});
    }
    for (NodeNumber node = 1; node <= servers; ++node) {
      Start(node);
      At(node).Found(raft::NodeId(node), founding,
                     [](const absl::Status& s) { EXPECT_TRUE(s.ok()) << s; });
    }
    Run(Seconds(3));
  }

  NodeNumber Leader() {
    for (const auto& [node, process] : processes_) {
      const raft::Raft* raft = process->server.raft();
      if (raft != nullptr && raft->role() == raft::Role::kLeader) return node;
    }
    return 0;
  }

  // Issues a token a name and remembers those that were acknowledged.
  void Issue(int count) {
    const NodeNumber leader = Leader();
    ASSERT_NE(leader, 0);
    for (int i = 0; i < count; ++i) {
      const std::string name = absl::StrCat("t", ++issued_);
      At(leader).IssueToken({}, {.identity = name},
                            [this, name](const auto& response) {
                              if (response.ok()) acknowledged_.insert(name);
                            });
      Run(Milliseconds(50));
    }
  }

  std::vector<std::string> TokensAt(NodeNumber node) {
    std::vector<std::string> names;
    for (const auto& [name, token] : At(node).state().tokens()) {
      names.push_back(name);
    }
    return names;
  }

  void Write(NodeNumber node, const std::string& path,
             const std::string& text) {
    auto file = files_[node]->Open(path, env::OpenMode::kCreateTruncate);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->WriteAt(0, text).ok());
    ASSERT_TRUE((*file)->Sync().ok());
    ASSERT_TRUE(files_[node]->SyncDirectory("/data/raft").ok());
  }
  static std::string PeersJson(const std::vector<NodeNumber>& nodes) {
    return absl::StrCat("[",
                        absl::StrJoin(nodes, ",",
                                      [](std::string* out, NodeNumber node) {
                                        absl::StrAppend(out, "{\"id\":\"",
                                                        int{node},
                                                        "\",\"address\":\"",
                                                        AddressOf(node), "\"}");
                                      }),
                        "]");
  }
  bool Exists(NodeNumber node, const std::string& path) {
    return *files_[node]->Exists(path);
  }

  // The same log, of which nothing is open.
  void ExpectSameLogs(NodeNumber a, NodeNumber b) {
    const raft::Raft& left = *At(a).raft();
    const raft::Raft& right = *At(b).raft();
    ASSERT_EQ(left.last(), right.last());
    const auto begin =
        std::max(left.log().start().index, right.log().start().index);
    for (auto i = begin.Next(); i <= left.last().index; ++i) {
      EXPECT_EQ(*left.log().At(i), *right.log().At(i)) << i.value();
    }
    EXPECT_EQ(At(a).state().digest(), At(b).state().digest());
  }

  sim::EventQueue queue_;
  sim::Trace trace_{nullptr};
  sim::Fabric fabric_{queue_, trace_, /*seed=*/7, sim::LinkOptions()};
  Prng prng_{7};
  std::map<NodeNumber, std::unique_ptr<sim::SimFileSystem>> files_;
  std::map<NodeNumber, std::unique_ptr<Process>> processes_;
  uint64_t started_ = 0;
  bool policy_ = false;
  int issued_ = 0;
  std::set<std::string> acknowledged_;
};

TEST_F(RecoveryTest, OneOfThreeGoesOnAlone) {
  Found(3);
  Issue(50);
  Run(Seconds(1));
  for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
  Write(3, kPeersJson, PeersJson({3}));
  Start(3);
  ASSERT_TRUE(processes_[3]->started->ok()) << *processes_[3]->started;
  EXPECT_FALSE(Exists(3, kPeersJson));
  EXPECT_TRUE(Exists(3, kPeersInfo));
  Run(Seconds(2));
  EXPECT_EQ(Leader(), 3);
  EXPECT_EQ(acknowledged_.size(), 50u);
  EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
  EXPECT_GT(At(3).raft()->term().value(), 1'000'000u);

  // It goes on, also after a restart, and takes new members.
  Issue(20);
  EXPECT_EQ(acknowledged_.size(), 70u);
  PowerLoss(3);
  Start(3);
  Run(Seconds(2));
  EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
  EXPECT_LT(At(3).raft()->term().value(), 2'000'000u);
  EXPECT_EQ(At(3).raft()->configuration().Members(),
            std::vector<raft::NodeId>{raft::NodeId(3)});
  Start(4);
  At(4).Join(raft::NodeId(4),
             [](const absl::Status& s) { EXPECT_TRUE(s.ok()) << s; });
  At(3).AddNonvoter(raft::NodeId(4), AddressOf(4),
                    [](const absl::Status& s) { EXPECT_TRUE(s.ok()) << s; });
  Run(Seconds(3));
  ExpectSameLogs(3, 4);
}

TEST_F(RecoveryTest, TwoOfFiveFormTheClusterAgain) {
  Found(5);
  Issue(50);
  Run(Seconds(1));
  for (NodeNumber node = 1; node <= 5; ++node) PowerLoss(node);
  for (const NodeNumber node : {2, 4}) {
    Write(node, kPeersJson, PeersJson({2, 4}));
    Start(node);
    ASSERT_TRUE(processes_[node]->started->ok());
  }
  Run(Seconds(3));
  Issue(20);
  Run(Seconds(1));
  EXPECT_EQ(acknowledged_.size(), 70u);
  EXPECT_THAT(TokensAt(2), IsSupersetOf(acknowledged_));
  ExpectSameLogs(2, 4);
  EXPECT_EQ(At(2).raft()->configuration().voters.size(), 2u);
}

TEST_F(RecoveryTest, TheVoterPolicyTakesOver) {
  policy_ = true;
  Found(5);
  Issue(5);
  for (NodeNumber node = 1; node <= 5; ++node) PowerLoss(node);
  for (const NodeNumber node : {2, 4}) {
    Write(node, kPeersJson, PeersJson({2, 4}));
    Start(node);
  }
  Run(Seconds(5));
  const raft::Configuration& configuration =
      At(Leader()).raft()->configuration();
  EXPECT_EQ(configuration.voters.size(), 1u);
  EXPECT_EQ(configuration.learners.size(), 1u);
  EXPECT_THAT(TokensAt(2), IsSupersetOf(acknowledged_));
}

// The survivors' logs differ: what only one of them has wins only when its log
// would have won before.
TEST_F(RecoveryTest, SurvivorsThatDifferAgree) {
  for (uint64_t round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    processes_.clear();
    files_.clear();
    for (NodeNumber node = 1; node <= kNodes; ++node) {
      files_[node] =
          std::make_unique<sim::SimFileSystem>(Prng(round * 9 + node));
      ASSERT_TRUE(files_[node]->CreateDirectory("/data").ok());
      ASSERT_TRUE(files_[node]->SyncDirectory("/").ok());
    }
    acknowledged_.clear();
    Found(5);
    Issue(10);
    const NodeNumber lost = Leader();
    const auto a = static_cast<NodeNumber>(lost % 5 + 1);
    const auto b = static_cast<NodeNumber>(a % 5 + 1);
    // The leader goes on alone for a while; then the others without it.
    for (NodeNumber node = 1; node <= 5; ++node) {
      if (node == lost || (round % 2 == 0 && node == a)) continue;
      fabric_.Cut(lost, node);
      fabric_.Cut(node, lost);
    }
    for (int i = 0; i < 5; ++i) {
      At(lost).IssueToken({}, {.identity = absl::StrCat("alone-", i)},
                          [](const auto&) {});
    }
    Run(Milliseconds(100));
    PowerLoss(lost);
    Run(Seconds(3));
    Issue(1 + static_cast<int>(round));
    Run(Seconds(1));
    for (NodeNumber node = 1; node <= 5; ++node) {
      if (node != lost) PowerLoss(node);
    }
    fabric_.HealAll();
    const std::vector<NodeNumber> survivors =
        round < 4 ? std::vector<NodeNumber>{a, b}
                  : std::vector<NodeNumber>{lost, a, b};
    for (const NodeNumber node : survivors) {
      Write(node, kPeersJson, PeersJson(survivors));
      Start(node);
      ASSERT_TRUE(processes_[node]->started->ok());
    }
    Run(Seconds(4));
    Issue(3);
    Run(Seconds(1));
    for (const NodeNumber node : survivors) {
      EXPECT_FALSE(processes_[node]->failed.has_value());
      EXPECT_THAT(TokensAt(node), IsSupersetOf(acknowledged_));
      ExpectSameLogs(survivors[0], node);
    }
  }
}

// Whatever the server was doing when the power failed, the next start applies
// the file or has applied it, once.
TEST_F(RecoveryTest, MayBeCutOffAnywhere) {
  for (uint64_t n = 1; n <= 60; ++n) {
    SCOPED_TRACE(absl::StrCat("the power fails at operation ", n));
    processes_.clear();
    for (NodeNumber node = 1; node <= 3; ++node) {
      files_[node] = std::make_unique<sim::SimFileSystem>(Prng(n * 9 + node));
      ASSERT_TRUE(files_[node]->CreateDirectory("/data").ok());
      ASSERT_TRUE(files_[node]->SyncDirectory("/").ok());
    }
    acknowledged_.clear();
    Found(3);
    Issue(25);
    Run(Seconds(1));
    for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
    Write(3, kPeersJson, PeersJson({3}));
    files_[3]->FailAt(files_[3]->operations() + n,
                      sim::SimFileSystem::Fault::kCrash);
    Start(3);
    PowerLoss(3);
    Start(3);
    ASSERT_TRUE(processes_[3]->started->ok()) << *processes_[3]->started;
    EXPECT_FALSE(Exists(3, kPeersJson));
    Run(Seconds(2));
    EXPECT_EQ(Leader(), 3);
    EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
  }
}

TEST_F(RecoveryTest, ABadFileStopsTheStartAndChangesNothing) {
  Found(3);
  Issue(5);
  PowerLoss(3);
  for (const auto& [text, code, why] :
       std::vector<std::tuple<std::string, ErrorCode, std::string>>{
           {"[", ErrorCode::kParseFailed, "invalid JSON"},
           {"[]", ErrorCode::kValidationFailed, "no voter"},
           {PeersJson({3, 3}), ErrorCode::kValidationFailed, "comes twice"},
           {PeersJson({1}), ErrorCode::kValidationFailed,
            "this server, id 3, is not among the members"},
           {"[\"10.9.9.9:1\"]", ErrorCode::kValidationFailed,
            "no member had the address"},
           {std::string(2 << 20, ' '), ErrorCode::kTooLarge, "the limit is"}}) {
    Write(3, kPeersJson, text);
    Start(3);
    const absl::Status& started = *processes_[3]->started;
    ASSERT_FALSE(started.ok()) << text;
    EXPECT_EQ(CodeOf(started), code) << started;
    EXPECT_THAT(std::string(started.message()), HasSubstr(kPeersJson));
    EXPECT_THAT(std::string(started.message()), HasSubstr(why));
    EXPECT_TRUE(Exists(3, kPeersJson));
    PowerLoss(3);
  }
  ASSERT_TRUE(files_[3]->Remove(kPeersJson).ok());
  Start(3);
  Run(Seconds(2));
  EXPECT_LT(At(3).raft()->term().value(), 1'000'000u);
  EXPECT_THAT(TokensAt(3), IsSupersetOf(acknowledged_));
}

TEST_F(RecoveryTest, AddressesAloneWillDo) {
  Found(3);
  Issue(5);
  for (const NodeNumber node : {1, 2, 3}) PowerLoss(node);
  Write(2, kPeersJson, absl::StrCat("[\"", AddressOf(2), "\"]"));
  Start(2);
  Run(Seconds(2));
  EXPECT_EQ(Leader(), 2);
}

TEST_F(RecoveryTest, AFileWithoutPeersInfoIsRemoved) {
  Found(3);
  PowerLoss(3);
  ASSERT_TRUE(files_[3]->Remove(kPeersInfo).ok());
  Write(3, kPeersJson, PeersJson({3}));
  Start(3);
  ASSERT_TRUE(processes_[3]->started->ok());
  EXPECT_FALSE(Exists(3, kPeersJson));
  EXPECT_TRUE(Exists(3, kPeersInfo));
  EXPECT_EQ(At(3).raft()->configuration().voters.size(), 3u);
}

TEST_F(RecoveryTest, AServerThatNeverHeardFromAClusterHasNothingToRecover) {
  Start(5);
  At(5).Join(raft::NodeId(5),
             [](const absl::Status& s) { EXPECT_TRUE(s.ok()) << s; });
  Run(Seconds(1));
  PowerLoss(5);
  Write(5, kPeersJson, PeersJson({5}));
  Start(5);
  EXPECT_EQ(CodeOf(*processes_[5]->started), ErrorCode::kValidationFailed);
  EXPECT_THAT(std::string(processes_[5]->started->message()),
              HasSubstr("nothing to recover"));
}

}  // namespace
}  // namespace jaco::server
