// One replica whose disk does a job when the test says so, and whose peers are
// the test.

#ifndef JACO_SIM_SERVER_TESTING_TEST_REPLICA_H_
#define JACO_SIM_SERVER_TESTING_TEST_REPLICA_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/logger.h"
#include "jaco/base/prng.h"
#include "jaco/raft/codec.h"
#include "jaco/server/replica.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/sim_event_loop.h"
#include "jaco/sim/sim_file_system.h"

namespace jaco::server {

inline constexpr char kDirectory[] = "/data/raft";

// Jobs wait until Run; those of a lane that is held wait longer.
class TestDisk final : public env::Disk {
 public:
  explicit TestDisk(env::FileSystem& files) : files_(files) {}

  void Submit(env::Lane lane, Job job, Done done) override {
    lanes_[static_cast<int>(lane)].emplace_back(std::move(job),
                                                std::move(done));
    ++submitted_[lane];
  }
  int submitted(env::Lane lane) { return submitted_[lane]; }
  void Hold(env::Lane lane) { held_ = lane; }
  void Release() { held_ = std::nullopt; }
  // False when there was nothing to do.
  bool RunOne() {
    for (int i = 0; i < env::kLaneCount; ++i) {
      auto& waiting = lanes_[i];
      if (waiting.empty() || held_ == static_cast<env::Lane>(i)) continue;
      auto [job, done] = std::move(waiting.front());
      waiting.pop_front();
      done(job(files_));
      return true;
    }
    return false;
  }

 private:
  env::FileSystem& files_;
  std::array<std::deque<std::pair<Job, Done>>, env::kLaneCount> lanes_;
  std::optional<env::Lane> held_;
  std::map<env::Lane, int> submitted_;
};

class TestNetwork final : public env::Network {
 public:
  void Send(const env::PeerAddress& to, env::FramePtr frame) override {
    sent[to.id].push_back(*frame);
  }
  void Bind(env::FrameReceiver*) override {}

  std::map<env::PeerId, std::vector<std::string>> sent;
};

// Its state is how far it is.
class TestMachine final : public fsm::StateMachine {
 public:
  absl::StatusOr<std::string> Prepare(absl::string_view command,
                                      int64_t) const override {
    if (command == "unknown") return absl::InvalidArgumentError("unknown");
    return std::string(command);
  }
  absl::StatusOr<fsm::ApplyResult> Apply(raft::LogIndex index,
                                         absl::string_view) override {
    AdvanceTo(index);
    return fsm::ApplyResult();
  }
  void AdvanceTo(raft::LogIndex index) override { applied_ = index; }
  raft::LogIndex applied() const override { return applied_; }
  fsm::Digest digest() const override { return {}; }
  std::vector<fsm::RowEdit> TakeRowEdits() override {
    return {{"applied", absl::StrCat(applied_.value())}};
  }
  absl::Status Load(const std::vector<fsm::KeyValue>&,
                    raft::LogIndex) override {
    return absl::OkStatus();
  }
  Snapshot TakeSnapshot() const override {
    return [state = absl::StrCat(applied_.value())] { return state; };
  }
  absl::Status RestoreSnapshot(absl::string_view snapshot) override {
    if (knows_nothing) return absl::FailedPreconditionError("of another build");
    uint64_t index = 0;
    EXPECT_TRUE(absl::SimpleAtoi(snapshot, &index));
    applied_ = raft::LogIndex(index);
    return absl::OkStatus();
  }

  bool knows_nothing = false;

 private:
  raft::LogIndex applied_;
};

class TestStore final : public storage::StateStore {
 public:
  absl::StatusOr<storage::StoredState> Load() override {
    return storage::StoredState();
  }
  absl::Status Write(absl::Span<const storage::RowChange>,
                     raft::LogIndex applied) override {
    written.push_back(applied);
    return absl::OkStatus();
  }
  absl::Status Flush() override { return absl::OkStatus(); }
  raft::LogIndex durable() const override { return {}; }

  std::vector<raft::LogIndex> written;
};

inline std::vector<raft::NodeId> Nodes(const std::vector<uint64_t>& ids) {
  return {ids.begin(), ids.end()};
}

// Server 1, with these voters.
inline raft::Configuration Members(const std::vector<uint64_t>& voters) {
  raft::Configuration configuration;
  configuration.voters = Nodes(voters);
  for (const uint64_t id : voters) {
    configuration.addresses.emplace_back(id, absl::StrCat("10.0.0.", id, ":1"));
  }
  return configuration;
}

inline raft::EntryPtr Command(uint64_t index) {
  return std::make_shared<const raft::Entry>(
      raft::Entry{.id = {raft::Term(1), raft::LogIndex(index)},
                  .kind = raft::EntryKind::kCommand,
                  .data = std::string(200, 'x')});
}

inline raft::EntryPtr Change(uint64_t index, const raft::Configuration& to) {
  return std::make_shared<const raft::Entry>(
      raft::Entry{.id = {raft::Term(1), raft::LogIndex(index)},
                  .kind = raft::EntryKind::kConfiguration,
                  .data = raft::EncodeConfiguration(to)});
}

class CountingLogger final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return true; }
  void Write(LogLevel, absl::string_view, absl::string_view line) override {
    ++lines;
    last = std::string(line);
  }
  int lines = 0;
  std::string last;
};

class ReplicaFixture : public ::testing::Test {
 protected:
  ReplicaFixture() {
    EXPECT_TRUE(files_.CreateDirectory("/data").ok());
    EXPECT_TRUE(files_.SyncDirectory("/").ok());
  }

  // A server that knows the first members and has nothing else. It takes a
  // snapshot of every fourth entry and keeps `trailing` before it.
  void Start(uint64_t trailing, uint64_t log_bytes = 1 << 20) {
    storage::RecoveredLog recovered;
    auto log = storage::RaftLog::Open(files_, log_options_, &recovered);
    ASSERT_TRUE(log.ok()) << log.status();
    Replica::Parts parts{.snapshots = snapshots_};
    parts.options = raft_options_;
    parts.options.id = raft::NodeId(1);
    parts.restored.configuration = Members({1, 2, 3});
    parts.machine = &machine_;
    parts.log = *std::move(log);
    parts.store = store_;
    parts.reopen_store = [](env::FileSystem&) {
      return absl::UnimplementedError("");
    };
    parts.snapshot_options = {
        .entries = 4, .log_bytes = log_bytes, .trailing_entries = trailing};
    parts.failed = [](const absl::Status& status) { FAIL() << status; };
    parts.role_changed = [](const raft::RoleChange&) {};
    parts.may_go_on = [] { return absl::OkStatus(); };
    parts.applied = [] {};
    replica_ = std::make_unique<Replica>(
        env::Environment{&clock_, &loop_, &network_, &disk_, nullptr, &logger_},
        std::move(parts));
    replica_->Start();
  }

  void Settle() { Run(Milliseconds(1)); }
  void Run(Duration time) {
    bool over = false;
    queue_.Schedule(queue_.now() + time, sim::kWorldOwner,
                    {sim::EventKind::kTask}, [&over] { over = true; });
    while (!over) {
      while (disk_.RunOne()) {
      }
      sim::Event event;
      if (queue_.Pop(&event)) event.task();
    }
  }
  void Hear(uint64_t from, const raft::Message& message) {
    replica_->OnFrame(from, raft::EncodeMessage(message));
    Settle();
  }
  // Server 2 leads term 1, and all of this is committed up to `commit`.
  void Follow(std::vector<raft::EntryPtr> entries, uint64_t commit) {
    raft::EntryId previous;
    if (!entries.empty() && entries.front()->id.index > raft::LogIndex(1)) {
      previous = {raft::Term(1), entries.front()->id.index - 1};
    }
    Hear(2, raft::AppendEntriesRequest{.term = raft::Term(1),
                                       .previous = previous,
                                       .commit = raft::LogIndex(commit),
                                       .round = 1,
                                       .entries = std::move(entries)});
  }

  // Messages of type T among all that was sent to `to` since the last call.
  template <typename T>
  std::vector<T> TakeSentTo(uint64_t to) {
    std::vector<T> found;
    for (const std::string& frame : std::exchange(network_.sent[to], {})) {
      if constexpr (std::is_same_v<T, raft::SnapshotChunk>) {
        if (!raft::IsSnapshotFrame(frame)) continue;
        found.push_back(std::get<T>(*raft::DecodeSnapshotMessage(frame)));
      } else {
        if (raft::IsSnapshotFrame(frame)) continue;
        const raft::Message message = *raft::DecodeMessage(frame);
        if (const T* one = std::get_if<T>(&message)) found.push_back(*one);
      }
    }
    return found;
  }
  // Server 1 leads, thanks to server 2.
  void Lead() {
    while (raft().role() != raft::Role::kPreCandidate) Run(Milliseconds(100));
    for (const bool pre_vote : {true, false}) {
      const raft::Term asked = pre_vote ? raft().term().Next() : raft().term();
      Hear(2, raft::RequestVoteResponse{
                  .term = asked, .pre_vote = pre_vote, .granted = true});
    }
    ASSERT_EQ(raft().role(), raft::Role::kLeader);
  }
  // That server has whatever was sent to it.
  void Acknowledge(uint64_t server = 2) {
    std::optional<raft::AppendEntriesRequest> last;
    for (auto& request : TakeSentTo<raft::AppendEntriesRequest>(server)) {
      last = std::move(request);
    }
    if (!last.has_value()) return;
    Hear(server, raft::AppendEntriesResponse{
                     .term = last->term,
                     .success = true,
                     .round = last->round,
                     .session = last->session,
                     .match = last->previous.index + last->entries.size()});
  }
  // Slowly enough for server 3 to count as silent.
  void Propose(int count) {
    for (int i = 0; i < count; ++i) {
      replica_->Propose("x", [](const auto&) {});
      Run(Milliseconds(100));
      Acknowledge();
    }
  }

  // Server 2 answers meanwhile, nobody else.
  void Idle(Duration time) {
    for (Duration passed; passed < time; passed = passed + Milliseconds(100)) {
      Run(Milliseconds(100));
      Acknowledge();
    }
  }
  // Server 3 has nothing of the log, and says so; it got these.
  std::vector<raft::SnapshotChunk> Refuse() {
    std::vector<std::string> sent = network_.sent[3];
    for (const auto& request : TakeSentTo<raft::AppendEntriesRequest>(3)) {
      Hear(3, raft::AppendEntriesResponse{.term = request.term,
                                          .round = request.round,
                                          .session = request.session,
                                          .match = request.previous.index});
    }
    sent.insert(sent.end(), network_.sent[3].begin(), network_.sent[3].end());
    network_.sent[3] = std::move(sent);
    return TakeSentTo<raft::SnapshotChunk>(3);
  }

  const raft::Raft& raft() const { return replica_->raft(); }
  raft::Progress::State StateOf(uint64_t server) const {
    for (const raft::Progress& peer : *raft().progress()) {
      if (peer.id == raft::NodeId(server)) return peer.state;
    }
    ADD_FAILURE() << "no member " << server;
    return {};
  }
  // Server 2, which leads term 1, sends the snapshot of `last`, twice: the
  // first time is only a question.
  void Offer(const raft::EntryId& last) {
    const storage::Snapshot snapshot{last, Members({1, 2, 3}),
                                     absl::StrCat(last.index.value())};
    sim::SimFileSystem other{Prng(2)};
    ASSERT_TRUE(other.CreateDirectory("/data").ok());
    ASSERT_TRUE(snapshots_.Write(other, snapshot).ok());
    const std::string file = *snapshots_.ReadFile(other, last);
    for (int i = 0; i < 2; ++i) {
      replica_->OnFrame(2, raft::EncodeSnapshotMessage(raft::SnapshotChunk{
                               .term = raft::Term(1),
                               .id = storage::SnapshotStore::IdOf(last, file),
                               .data = file}));
      Settle();
    }
  }
  // The leader is on its way with a snapshot to server 3: its first chunk.
  raft::SnapshotChunk BeginTransfer() {
    Lead();
    Propose(10);
    const auto chunks = TakeSentTo<raft::SnapshotChunk>(3);
    EXPECT_FALSE(chunks.empty());
    return chunks.empty() ? raft::SnapshotChunk() : chunks[0];
  }
  // Server 3 has all of the snapshot that `chunk` is of.
  void HearInstalled(const raft::SnapshotChunk& chunk) {
    network_.sent.clear();
    replica_->OnFrame(3, raft::EncodeSnapshotMessage(raft::SnapshotChunkAck{
                             .term = chunk.term,
                             .session = chunk.session,
                             .id = chunk.id,
                             .offset = chunk.id.size,
                             .status = raft::SnapshotStatus::kInstalled}));
    Settle();
  }

  sim::SimFileSystem files_{Prng(1)};
  sim::EventQueue queue_;
  sim::SimClock clock_{queue_, {}};
  sim::SimEventLoop loop_{queue_, clock_, 1, Duration(), Prng(1)};
  TestDisk disk_{files_};
  TestNetwork network_;
  CountingLogger logger_;
  raft::Options raft_options_;
  const storage::RaftLogOptions log_options_{.directory = kDirectory,
                                             .segment_bytes = 600};
  const storage::SnapshotStore snapshots_{"/data/snapshots"};
  std::shared_ptr<TestStore> store_ = std::make_shared<TestStore>();
  TestMachine machine_;
  std::unique_ptr<Replica> replica_;
};

}  // namespace jaco::server

#endif  // JACO_SIM_SERVER_TESTING_TEST_REPLICA_H_
