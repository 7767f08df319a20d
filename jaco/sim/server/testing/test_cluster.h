// A few servers on simulated disks and links, for tests that say themselves
// what happens when.

#ifndef JACO_SIM_SERVER_TESTING_TEST_CLUSTER_H_
#define JACO_SIM_SERVER_TESTING_TEST_CLUSTER_H_

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/logger.h"
#include "jaco/base/prng.h"
#include "jaco/raft/log.h"
#include "jaco/server/server.h"
#include "jaco/sim/addressed_network.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/sim_disk.h"
#include "jaco/sim/sim_entropy.h"
#include "jaco/sim/sim_event_loop.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/sim/sim_host.h"
#include "jaco/sim/sim_network.h"
#include "jaco/sim/sim_pki.h"
#include "jaco/sim/trace.h"

namespace jaco::server {

using sim::NodeNumber;

inline constexpr int kNodes = 9;

inline std::string AddressOf(NodeNumber node) {
  return absl::StrCat("10.0.0.", int{node}, ":7001");
}

// Short log segments and frequent snapshots, so that both are met.
inline ServerOptions OptionsOf(NodeNumber node) {
  ServerOptions options;
  options.node_name = absl::StrCat("n", int{node});
  options.data_dir = "/data";
  options.peer_address = AddressOf(node);
  options.use_rocksdb = false;
  options.password_cost = {.passes = 1, .memory_kib = 8};
  options.log_segment_bytes = 4096;
  options.raft.election_timeout = Milliseconds(300);
  options.raft.heartbeat_interval = Milliseconds(30);
  options.snapshots.entries = 16;
  options.snapshots.trailing_entries = 8;
  options.autopilot.settle_min = Milliseconds(500);
  options.autopilot.config.set_server_stabilization_time_ns(0);
  return options;
}

// Keeps what an operator should not overlook.
class ErrorLog final : public Logger {
 public:
  bool Enabled(LogLevel level) const override {
    return level == LogLevel::kError;
  }
  void Write(LogLevel level, absl::string_view,
             absl::string_view line) override {
    if (Enabled(level)) errors.emplace_back(line);
  }
  std::vector<std::string> errors;
};

struct Process {
  Process(sim::EventQueue& queue, sim::Fabric& fabric, NodeNumber node,
          env::FileSystem& files, uint64_t number, const ServerOptions& options,
          sim::AddressedNetwork::IdOf id_of,
          sim::AddressedNetwork::NodeAt node_at)
      : clock(queue, {}),
        loop(queue, clock, node, Duration(), Prng(number)),
        network(fabric, node, std::move(id_of), std::move(node_at)),
        disk(queue, loop, files, {}, Prng(number)),
        entropy(number),
        // So that clocks that are minutes off matter.
        pki(&entropy, absl::Minutes(5)),
        host(options.peer_address),
        server(options, {&clock, &loop, &network, &disk, &entropy, &logger,
                         &pki, &host}) {
    server.Start([this](absl::Status status) { started = std::move(status); },
                 [this](absl::Status status) { failed = std::move(status); });
  }

  sim::SimClock clock;
  sim::SimEventLoop loop;
  sim::AddressedNetwork network;
  sim::SimDisk disk;
  sim::SimEntropy entropy;
  sim::SimPki pki;
  sim::SimHost host;
  ErrorLog logger;
  std::optional<absl::Status> started;
  std::optional<absl::Status> failed;
  Server server;
};

class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest() { NewDisks(0); }

  // For what a test wants otherwise.
  virtual void Adjust(NodeNumber /*node*/, ServerOptions* /*options*/) {}

  // Nothing runs, and nothing is there.
  void NewDisks(uint64_t seed) {
    processes_.clear();
    acknowledged_.clear();
    for (NodeNumber node = 1; node <= kNodes; ++node) {
      auto& files = files_[node];
      files = std::make_unique<sim::SimFileSystem>(Prng(seed * 97 + node));
      EXPECT_TRUE(files->CreateDirectory("/data").ok());
      EXPECT_TRUE(files->SyncDirectory("/").ok());
    }
  }

  void Start(NodeNumber node) {
    ServerOptions options = OptionsOf(node);
    options.autopilot.enabled = policy_;
    options.autopilot.remove_dead_after = remove_dead_after_;
    options.join_peer = join_peer_;
    options.restore_piece_bytes = restore_piece_bytes_;
    options.peer_address = AddressNow(node);
    if (levels_.contains(node)) options.feature_level = levels_[node];
    if (tune_ != nullptr) tune_(options);
    Adjust(node, &options);
    processes_[node] = std::make_unique<Process>(
        queue_, fabric_, node, *files_[node], ++started_, options,
        [this](env::PeerId number) {
          const auto it = processes_.find(static_cast<NodeNumber>(number));
          const raft::Raft* raft =
              it == processes_.end() ? nullptr : it->second->server.raft();
          if (raft != nullptr) return raft->id().value();
          const auto kept = certificates_.find(static_cast<NodeNumber>(number));
          return kept == certificates_.end() ? number : kept->second.value();
        },
        [this](const std::string& address) {
          NodeNumber at = 1;
          while (at <= kNodes && AddressNow(at) != address) ++at;
          return at;
        });
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
  // Where it is, or will be once it starts again.
  std::string AddressNow(NodeNumber node) const {
    const auto it = moved_.find(node);
    return it == moved_.end() ? AddressOf(node) : it->second;
  }
  Server& At(NodeNumber node) { return processes_.at(node)->server; }

  void Run(Duration time) {
    const Instant end = queue_.now() + time;
    // Time passes even when nobody does anything.
    queue_.Schedule(end, sim::kWorldOwner, {sim::EventKind::kTask}, [] {});
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

  // Of the highest term; 0: nobody.
  NodeNumber Leader() {
    NodeNumber leader = 0;
    raft::Term highest;
    for (const auto& [node, process] : processes_) {
      const raft::Raft* raft = process->server.raft();
      if (raft == nullptr || raft->role() != raft::Role::kLeader) continue;
      if (raft->term() <= highest) continue;
      leader = node;
      highest = raft->term();
    }
    return leader;
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
  JoinPeer* join_peer_ = nullptr;
  size_t restore_piece_bytes_ = size_t{1} << 20;
  std::function<void(ServerOptions&)> tune_;  // has the last word
  std::map<NodeNumber, std::string> moved_;   // to another address
  std::map<NodeNumber, uint32_t> levels_;     // of builds that are older
  // Of servers that have forgotten who they are.
  std::map<NodeNumber, raft::NodeId> certificates_;
  Duration remove_dead_after_ = Seconds(3600);
  int issued_ = 0;
  std::set<std::string> acknowledged_;
};

}  // namespace jaco::server

#endif  // JACO_SIM_SERVER_TESTING_TEST_CLUSTER_H_
