// One replica whose disk does a job when the test says so, and whose peers are
// the test: what snapshots, the log and the store owe each other.

#include "jaco/server/replica.h"

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
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/logger.h"
#include "jaco/base/prng.h"
#include "jaco/raft/codec.h"
#include "jaco/server/forward_codec.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/sim_event_loop.h"
#include "jaco/sim/sim_file_system.h"

namespace jaco::server {
namespace {

using raft::EntryId;
using raft::LogIndex;
using raft::NodeId;
using raft::Term;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

constexpr char kDirectory[] = "/data/raft";

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
  absl::StatusOr<fsm::ApplyResult> Apply(LogIndex index,
                                         absl::string_view) override {
    AdvanceTo(index);
    return fsm::ApplyResult();
  }
  void AdvanceTo(LogIndex index) override { applied_ = index; }
  LogIndex applied() const override { return applied_; }
  fsm::Digest digest() const override { return {}; }
  std::vector<fsm::RowEdit> TakeRowEdits() override {
    return {{"applied", absl::StrCat(applied_.value())}};
  }
  absl::Status Load(const std::vector<fsm::KeyValue>&, LogIndex) override {
    return absl::OkStatus();
  }
  Snapshot TakeSnapshot() const override {
    return [state = absl::StrCat(applied_.value())] { return state; };
  }
  absl::Status RestoreSnapshot(absl::string_view snapshot) override {
    uint64_t index = 0;
    EXPECT_TRUE(absl::SimpleAtoi(snapshot, &index));
    applied_ = LogIndex(index);
    return absl::OkStatus();
  }

 private:
  LogIndex applied_;
};

class TestStore final : public storage::StateStore {
 public:
  absl::StatusOr<storage::StoredState> Load() override {
    return storage::StoredState();
  }
  absl::Status Write(absl::Span<const storage::RowChange>,
                     LogIndex applied) override {
    written.push_back(applied);
    return absl::OkStatus();
  }
  absl::Status Flush() override { return absl::OkStatus(); }
  LogIndex durable() const override { return {}; }

  std::vector<LogIndex> written;
};

std::vector<NodeId> Nodes(const std::vector<uint64_t>& ids) {
  return {ids.begin(), ids.end()};
}

// Server 1, with these voters.
raft::Configuration Members(const std::vector<uint64_t>& voters) {
  raft::Configuration configuration;
  configuration.voters = Nodes(voters);
  for (const uint64_t id : voters) {
    configuration.addresses.emplace_back(id, absl::StrCat("10.0.0.", id, ":1"));
  }
  return configuration;
}

raft::EntryPtr Command(uint64_t index) {
  return std::make_shared<const raft::Entry>(
      raft::Entry{.id = {Term(1), LogIndex(index)},
                  .kind = raft::EntryKind::kCommand,
                  .data = std::string(200, 'x')});
}

raft::EntryPtr Change(uint64_t index, const raft::Configuration& to) {
  return std::make_shared<const raft::Entry>(
      raft::Entry{.id = {Term(1), LogIndex(index)},
                  .kind = raft::EntryKind::kConfiguration,
                  .data = raft::EncodeConfiguration(to)});
}

class CountingLogger final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return true; }
  void Write(LogLevel, absl::string_view, absl::string_view) override {
    ++lines;
  }
  int lines = 0;
};

class ReplicaTest : public ::testing::Test {
 protected:
  ReplicaTest() {
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
    parts.options.id = NodeId(1);
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
    if (!entries.empty() && entries.front()->id.index > LogIndex(1)) {
      previous = {Term(1), entries.front()->id.index - 1};
    }
    Hear(2, raft::AppendEntriesRequest{.term = Term(1),
                                       .previous = previous,
                                       .commit = LogIndex(commit),
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
      const Term asked = pre_vote ? raft().term().Next() : raft().term();
      Hear(2, raft::RequestVoteResponse{
                  .term = asked, .pre_vote = pre_vote, .granted = true});
    }
    ASSERT_EQ(raft().role(), raft::Role::kLeader);
  }
  // Server 2 has whatever was sent to it.
  void Acknowledge() {
    std::optional<raft::AppendEntriesRequest> last;
    for (auto& request : TakeSentTo<raft::AppendEntriesRequest>(2)) {
      last = std::move(request);
    }
    if (!last.has_value()) return;
    Hear(2, raft::AppendEntriesResponse{
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

  sim::SimFileSystem files_{Prng(1)};
  sim::EventQueue queue_;
  sim::SimClock clock_{queue_, {}};
  sim::SimEventLoop loop_{queue_, clock_, 1, Duration(), Prng(1)};
  TestDisk disk_{files_};
  TestNetwork network_;
  CountingLogger logger_;
  const storage::RaftLogOptions log_options_{.directory = kDirectory,
                                             .segment_bytes = 600};
  const storage::SnapshotStore snapshots_{"/data/snapshots"};
  std::shared_ptr<TestStore> store_ = std::make_shared<TestStore>();
  TestMachine machine_;
  std::unique_ptr<Replica> replica_;
};

// Else it refuses, as a member that it is not, the answer to its next join.
TEST_F(ReplicaTest, AServerThatLeftStaysOutsideWhileOthersComeAndGo) {
  Start(/*trailing=*/100);
  Follow({Change(1, Members({2, 3}))}, /*commit=*/0);
  EXPECT_TRUE(replica_->CheckMembership().ok());
  Follow({Change(2, Members({2, 3, 4}))}, /*commit=*/1);
  EXPECT_FALSE(replica_->CheckMembership().ok());
  // Not yet for good, but it is to be one again.
  Follow({Change(3, Members({1, 2, 3}))}, /*commit=*/2);
  EXPECT_TRUE(replica_->CheckMembership().ok());
}

// Whoever forwarded it: it would stop every server that applies it.
TEST_F(ReplicaTest, WhatIsUnknownDoesNotGetIntoTheLog) {
  Start(/*trailing=*/100);
  Lead();
  const LogIndex last = raft().last().index;
  absl::Status status;
  replica_->Propose("unknown",
                    [&status](const auto& done) { status = done.status(); });
  Run(Milliseconds(10));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(raft().last().index, last);
}

// A change of members that is in force is not yet part of what a snapshot
// stands for.
TEST_F(ReplicaTest, ASnapshotNamesTheMembersOfItsIndex) {
  Start(/*trailing=*/100);
  Follow({Command(1), Command(2), Command(3), Command(4), Command(5),
          Change(6, Members({1, 2, 3, 4}))},
         /*commit=*/5);
  ASSERT_EQ(raft().configuration().voters, Nodes({1, 2, 3, 4}));
  const EntryId last{Term(1), LogIndex(4)};
  ASSERT_THAT(*snapshots_.List(files_), ElementsAre(last));
  const auto snapshot = snapshots_.Read(files_, last);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->configuration, Members({1, 2, 3}));
}

TEST_F(ReplicaTest, ASnapshotOfAJointConfigurationIsJoint) {
  Start(/*trailing=*/100);
  raft::Configuration joint = Members({1, 2, 4});
  joint.outgoing = Nodes({1, 2, 3});
  joint.addresses = Members({1, 2, 3, 4}).addresses;
  Follow({Command(1), Command(2), Command(3), Change(4, joint),
          Change(5, Members({1, 2, 4}))},
         /*commit=*/5);
  ASSERT_EQ(raft().configuration(), Members({1, 2, 4}));
  const auto snapshot = snapshots_.Read(files_, EntryId{Term(1), LogIndex(4)});
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->configuration, joint);
}

// Any two servers have the same files, so that one can go on with what another
// began to send.
TEST_F(ReplicaTest, SnapshotsAreOfTheSameEntriesHoweverTheseArrive) {
  Start(/*trailing=*/100);
  std::vector<raft::EntryPtr> entries;
  for (uint64_t index = 1; index <= 10; ++index) {
    entries.push_back(Command(index));
  }
  Follow(entries, /*commit=*/3);
  Follow({Command(11)}, /*commit=*/11);
  EXPECT_THAT(*snapshots_.List(files_),
              ElementsAre(EntryId{Term(1), LogIndex(8)},
                          EntryId{Term(1), LogIndex(4)}));
  for (const uint64_t index : {4, 8}) {
    const auto snapshot =
        snapshots_.Read(files_, EntryId{Term(1), LogIndex(index)});
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(snapshot->state, absl::StrCat(index));
  }
}

// What a slow disk has not got to is not queued up: the newest counts.
TEST_F(ReplicaTest, OneSnapshotWaitsWhileOneIsWritten) {
  Start(/*trailing=*/100);
  disk_.Hold(env::Lane::kSnapshot);
  for (uint64_t index = 1; index <= 13; ++index) {
    Follow({Command(index)}, /*commit=*/index);
  }
  EXPECT_EQ(disk_.submitted(env::Lane::kSnapshot), 1);
  disk_.Release();
  Settle();
  EXPECT_EQ(disk_.submitted(env::Lane::kSnapshot), 2);
  EXPECT_THAT(*snapshots_.List(files_),
              ElementsAre(EntryId{Term(1), LogIndex(12)},
                          EntryId{Term(1), LogIndex(4)}));
}

TEST_F(ReplicaTest, ACompactedLogBeginsWithTheMembersOfItsStart) {
  Start(/*trailing=*/4);
  Follow({Command(1), Command(2), Command(3), Command(4), Command(5),
          Change(6, Members({1, 2, 3, 4})), Command(7), Command(8)},
         /*commit=*/8);
  ASSERT_EQ(raft().log().start().index, LogIndex(4));
  replica_.reset();
  storage::RecoveredLog recovered;
  const auto log = storage::RaftLog::Open(files_, log_options_, &recovered);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(recovered.log_start, (EntryId{Term(1), LogIndex(4)}));
  EXPECT_EQ(recovered.configuration, Members({1, 2, 3}));
}

TEST_F(ReplicaTest, FewLargeEntriesAreASnapshotAndFewAreKept) {
  constexpr uint64_t kLogBytes = 100'000;
  Start(/*trailing=*/100, kLogBytes);
  for (uint64_t index = 1; index <= 7; ++index) {
    auto large = std::make_shared<raft::Entry>(*Command(index));
    large->data = std::string(kLogBytes / 2 - 1, 'x');
    Follow({std::move(large)}, /*commit=*/index);
  }
  // One is taken with every third of them, counted from the fourth on, and two
  // are kept.
  EXPECT_EQ((*snapshots_.List(files_))[0].index, LogIndex(7));
  EXPECT_EQ(raft().log().start().index, LogIndex(5));
}

// Else a follower that takes longer for a snapshot than the leader for the next
// never gets anywhere.
TEST_F(ReplicaTest, TheLogIsKeptBehindASnapshotOnItsWay) {
  Start(/*trailing=*/2);
  Lead();
  Propose(10);
  const auto chunks = TakeSentTo<raft::SnapshotChunk>(3);
  ASSERT_THAT(chunks, Not(IsEmpty()));
  const raft::SnapshotChunk& chunk = chunks[0];
  Propose(20);
  ASSERT_GT((*snapshots_.List(files_))[0].index, chunk.id.last.index + 10);
  network_.sent.clear();
  replica_->OnFrame(3, raft::EncodeSnapshotMessage(raft::SnapshotChunkAck{
                           .term = chunk.term,
                           .session = chunk.session,
                           .id = chunk.id,
                           .offset = chunk.id.size,
                           .status = raft::SnapshotStatus::kInstalled}));
  Settle();
  const auto appends = TakeSentTo<raft::AppendEntriesRequest>(3);
  ASSERT_THAT(appends, Not(IsEmpty()));
  EXPECT_EQ(appends[0].previous, chunk.id.last);
  EXPECT_THAT(appends[0].entries, Not(IsEmpty()));
}

// Such an entry would end every server, and nobody could get past it.
TEST_F(ReplicaTest, WhatNobodyKnowsIsNotProposedForOthers) {
  Start(/*trailing=*/100);
  Lead();
  const LogIndex before = raft().last().index;
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    replica_->OnFrame(2, EncodeForward(ForwardRequest{
                             .term = raft().term(),
                             .incarnation = 1,
                             .sequence = sequence,
                             .command = sequence == 2 ? "known" : "unknown"}));
    Settle();
  }
  EXPECT_EQ(raft().last().index, before + 1);
}

TEST_F(ReplicaTest, BadFramesFillNoLog) {
  Start(/*trailing=*/100);
  const int before = logger_.lines;
  for (int i = 0; i < 100; ++i) {
    for (const char* frame : {"", "F", "Fx", "S", "Sx", "\1", "x"}) {
      replica_->OnFrame(2, frame);
    }
  }
  EXPECT_EQ(logger_.lines, before + 1);
}

// The file would be read over and over, for nobody.
TEST_F(ReplicaTest, NothingIsReadForAFollowerThatIsSilent) {
  Start(/*trailing=*/2);
  Lead();
  Propose(30);
  Idle(Seconds(15));  // what was under way is given up
  network_.sent.clear();
  const int before = disk_.submitted(env::Lane::kSnapshot);
  Idle(Seconds(30));
  EXPECT_EQ(disk_.submitted(env::Lane::kSnapshot), before);
  // It is back.
  bool offered = false;
  for (int i = 0; i < 5; ++i) {
    if (!Refuse().empty()) offered = true;
    Idle(Milliseconds(100));
  }
  EXPECT_EQ(disk_.submitted(env::Lane::kSnapshot), before + 1);
  EXPECT_TRUE(offered);
}

TEST_F(ReplicaTest, AFollowerWithoutRoomIsAskedLessAndLessOften) {
  Start(/*trailing=*/2);
  Lead();
  Propose(30);
  const auto offers_in = [&](Duration time) {
    const int before = disk_.submitted(env::Lane::kSnapshot);
    for (Duration passed; passed < time; passed = passed + Milliseconds(100)) {
      for (raft::SnapshotChunk& chunk : Refuse()) {
        replica_->OnFrame(3, raft::EncodeSnapshotMessage(raft::SnapshotChunkAck{
                                 .term = chunk.term,
                                 .session = chunk.session,
                                 .id = chunk.id,
                                 .status = raft::SnapshotStatus::kRefused}));
      }
      Idle(Milliseconds(100));
    }
    return disk_.submitted(env::Lane::kSnapshot) - before;
  };
  EXPECT_GE(offers_in(Seconds(20)), 4);
  const int later = offers_in(Seconds(60));
  EXPECT_GE(later, 5);
  EXPECT_LE(later, 7);
}

// If it could be ahead of the log, a crash would look like a log that lost
// something, and the server would not vote until it is repaired.
TEST_F(ReplicaTest, TheStoreIsNeverAheadOfTheLog) {
  Start(/*trailing=*/2);
  Follow({Command(1)}, /*commit=*/1);
  ASSERT_THAT(store_->written, ElementsAre(LogIndex(1)));
  const EntryId last{Term(1), LogIndex(100)};
  const storage::Snapshot snapshot{last, Members({1, 2, 3}), "100"};
  sim::SimFileSystem other{Prng(2)};
  ASSERT_TRUE(other.CreateDirectory("/data").ok());
  ASSERT_TRUE(snapshots_.Write(other, snapshot).ok());
  const std::string file = *snapshots_.ReadFile(other, last);
  raft::SnapshotChunk chunk{.term = Term(1),
                            .id = storage::SnapshotStore::IdOf(last, file),
                            .data = file};
  const std::string frame = raft::EncodeSnapshotMessage(chunk);

  disk_.Hold(env::Lane::kLog);
  for (int i = 0; i < 2; ++i) {  // the first is only a question
    replica_->OnFrame(2, frame);
    Settle();
  }
  ASSERT_EQ(machine_.applied(), last.index);
  ASSERT_LT(raft().durable(), last.index);
  EXPECT_THAT(store_->written, Each(Le(raft().durable())));
  disk_.Release();
  Settle();
  ASSERT_EQ(raft().durable(), last.index);
  EXPECT_EQ(store_->written.back(), last.index);
}

// What was queued while the disk was slow is not one write that takes for ever.
TEST_F(ReplicaTest, OneJobWritesSoMuch) {
  Start(/*trailing=*/100);
  Follow({}, 0);
  disk_.Hold(env::Lane::kLog);
  EntryId previous;
  for (uint64_t index = 1; index <= 10; ++index) {
    const auto entry = std::make_shared<const raft::Entry>(
        raft::Entry{.id = {Term(1), LogIndex(index)},
                    .kind = raft::EntryKind::kCommand,
                    .data = std::string(size_t{1} << 20, 'x')});
    Hear(2, raft::AppendEntriesRequest{
                .term = Term(1), .previous = previous, .entries = {entry}});
    previous = entry->id;
  }
  disk_.Release();
  std::vector<uint64_t> steps;
  LogIndex before;
  while (disk_.RunOne()) {
    if (raft().durable() == before) continue;
    steps.push_back(raft().durable() - before);
    before = raft().durable();
  }
  // The first was under way alone.
  EXPECT_THAT(steps, ElementsAre(1, 4, 4, 1));
}

}  // namespace
}  // namespace jaco::server
