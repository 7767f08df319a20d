#include "jaco/storage/snapshot_store.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/prng.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/storage/damage.h"

namespace jaco::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kDirectory[] = "data/snapshots";

Snapshot MakeSnapshot(uint64_t index) {
  Snapshot snapshot;
  snapshot.last = {raft::Term(index / 10 + 1), raft::LogIndex(index)};
  snapshot.configuration.voters = {raft::NodeId(1), raft::NodeId(2)};
  snapshot.state = absl::StrCat("state at ", index, std::string(500, 'x'));
  return snapshot;
}

std::string PathOf(const raft::EntryId& id) {
  return absl::StrCat(
      kDirectory, "/",
      std::string(20 - absl::StrCat(id.index.value()).size(), '0'),
      id.index.value(), "-",
      std::string(20 - absl::StrCat(id.term.value()).size(), '0'),
      id.term.value(), ".snapshot");
}

class SnapshotStoreTest : public ::testing::Test {
 protected:
  SnapshotStoreTest() { Reset(1); }

  void Reset(uint64_t seed) {
    files_ = std::make_unique<sim::SimFileSystem>(Prng(seed));
    EXPECT_TRUE(files().CreateDirectory("data").ok());
    EXPECT_TRUE(files().SyncDirectory("/").ok());
  }

  // What another server would send of this one.
  static std::string FileOf(const Snapshot& snapshot) {
    sim::SimFileSystem fs{Prng(1)};
    EXPECT_TRUE(fs.CreateDirectory("data").ok());
    EXPECT_TRUE(SnapshotStore(kDirectory).Write(fs, snapshot).ok());
    return SnapshotStore(kDirectory).ReadFile(fs, snapshot.last).value();
  }

  // Receives in chunks until an operation fails; false then.
  absl::StatusOr<Snapshot> ReceiveAll(const std::string& file,
                                      const raft::SnapshotId& id) {
    absl::StatusOr<uint64_t> offset = store_.BeginReceive(files(), id);
    if (!offset.ok()) return offset.status();
    resumed_at_ = *offset;
    while (*offset < file.size()) {
      const std::string data = file.substr(*offset, 100);
      absl::Status status = store_.Receive(files(), id, *offset, data);
      if (!status.ok()) return status;
      *offset += data.size();
    }
    return store_.FinishReceive(files(), id);
  }

  sim::SimFileSystem& files() { return *files_; }
  std::unique_ptr<sim::SimFileSystem> files_;
  const SnapshotStore store_{kDirectory};
  uint64_t resumed_at_ = 0;
};

TEST_F(SnapshotStoreTest, NothingYet) {
  EXPECT_THAT(store_.List(files()).value(), IsEmpty());
  EXPECT_EQ(
      store_.Read(files(), {raft::Term(1), raft::LogIndex(1)}).status().code(),
      absl::StatusCode::kNotFound);
}

TEST_F(SnapshotStoreTest, KeepsTheNewestTwo) {
  for (uint64_t index : {5, 12, 900, 1000}) {
    ASSERT_TRUE(store_.Write(files(), MakeSnapshot(index)).ok());
  }
  EXPECT_EQ(store_.List(files()).value().size(), 4u);
  store_.Prune(files(), raft::LogIndex(1000));
  EXPECT_THAT(store_.List(files()).value(),
              ElementsAre(MakeSnapshot(1000).last, MakeSnapshot(900).last));
  EXPECT_EQ(store_.Read(files(), MakeSnapshot(900).last).value(),
            MakeSnapshot(900));
}

// One that the log does not lead to is of no use to a restart.
TEST_F(SnapshotStoreTest, LaterOnesDriveOutNone) {
  for (uint64_t index : {5, 12}) {
    ASSERT_TRUE(store_.Write(files(), MakeSnapshot(index)).ok());
  }
  for (uint64_t index : {900, 1000, 1100}) {
    const Snapshot snapshot = MakeSnapshot(index);
    const std::string file = FileOf(snapshot);
    ASSERT_TRUE(
        ReceiveAll(file, SnapshotStore::IdOf(snapshot.last, file)).ok());
  }
  ASSERT_TRUE(store_.Write(files(), MakeSnapshot(950)).ok());
  store_.Prune(files(), raft::LogIndex(899));
  EXPECT_EQ(store_.List(files()).value().size(), 6u);
  store_.Prune(files(), raft::LogIndex(950));
  EXPECT_THAT(store_.List(files()).value(),
              ElementsAre(MakeSnapshot(1100).last, MakeSnapshot(1000).last,
                          MakeSnapshot(950).last, MakeSnapshot(900).last));
}

// The Raft log waits for that room.
TEST_F(SnapshotStoreTest, WhatDoesNotFitTakesNoRoom) {
  ASSERT_TRUE(store_.Write(files(), MakeSnapshot(5)).ok());
  const std::string temporary = absl::StrCat(kDirectory, "/writing.tmp");
  uint64_t at = 1;
  for (;; ++at) {
    files().FailAt(files().operations() + at,
                   sim::SimFileSystem::Fault::kNoSpace);
    if (store_.Write(files(), MakeSnapshot(9)).ok()) break;
    EXPECT_FALSE(*files().Exists(temporary)) << at;
  }
  EXPECT_GT(at, 4u);
}

TEST_F(SnapshotStoreTest, DamageIsRefusedByName) {
  const Snapshot snapshot = MakeSnapshot(7);
  ASSERT_TRUE(store_.Write(files(), snapshot).ok());
  const std::string path = PathOf(snapshot.last);
  const std::string file = files().Contents(path);
  for (size_t at = 0; at < file.size(); at += at < 100 ? 1 : 37) {
    files().FlipBit(path, at, static_cast<int>(at % 8));
    const absl::Status status = store_.Read(files(), snapshot.last).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    EXPECT_FALSE(store_.ReadFile(files(), snapshot.last).ok());
    files().FlipBit(path, at, static_cast<int>(at % 8));
  }
  EXPECT_TRUE(store_.Read(files(), snapshot.last).ok());
}

TEST_F(SnapshotStoreTest, ReceivesAndResumes) {
  const Snapshot snapshot = MakeSnapshot(40);
  const std::string file = FileOf(snapshot);
  const raft::SnapshotId id = SnapshotStore::IdOf(snapshot.last, file);
  ASSERT_EQ(store_.BeginReceive(files(), id).value(), 0u);
  ASSERT_TRUE(store_.Receive(files(), id, 0, file.substr(0, 100)).ok());
  EXPECT_EQ(ReceiveAll(file, id).value(), snapshot);
  EXPECT_EQ(resumed_at_, 100u);
  EXPECT_THAT(store_.List(files()).value(), ElementsAre(snapshot.last));
  // Once more, as after a crash before it was installed.
  EXPECT_EQ(ReceiveAll(file, id).value(), snapshot);
  EXPECT_EQ(resumed_at_, file.size());
}

TEST_F(SnapshotStoreTest, WhatIsNotTheSendersIsForgotten) {
  const Snapshot snapshot = MakeSnapshot(40);
  const std::string file = FileOf(snapshot);
  const raft::SnapshotId id = SnapshotStore::IdOf(snapshot.last, file);
  std::string other = file;
  other[200] ^= 1;
  EXPECT_EQ(ReceiveAll(other, id).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(store_.List(files()).value(), IsEmpty());
  EXPECT_EQ(store_.BeginReceive(files(), id).value(), 0u);
  // Another transfer takes its place.
  ASSERT_TRUE(store_.Receive(files(), id, 0, file.substr(0, 100)).ok());
  const std::string next = FileOf(MakeSnapshot(50));
  ASSERT_TRUE(
      ReceiveAll(next, SnapshotStore::IdOf(MakeSnapshot(50).last, next)).ok());
  EXPECT_EQ(store_.BeginReceive(files(), id).value(), 0u);
}

// Every operation of writing one and receiving the next fails once, in each
// way: what was reported is there after a crash, and the rest can be done
// again.
TEST_F(SnapshotStoreTest, CrashAtEveryOperation) {
  using Fault = sim::SimFileSystem::Fault;
  const Snapshot first = MakeSnapshot(10);
  const Snapshot second = MakeSnapshot(20);
  const std::string file = FileOf(second);
  const raft::SnapshotId id = SnapshotStore::IdOf(second.last, file);
  for (const Fault fault : {Fault::kCrash, Fault::kIoError, Fault::kNoSpace}) {
    for (uint64_t seed = 0; seed < 60 * 8; ++seed) {
      const uint64_t n = seed % 60 + 1;
      SCOPED_TRACE(testing::Message() << "operation " << n);
      Reset(seed);
      Prng prng(seed);
      files().FailAt(files().operations() + n, fault);
      const bool wrote = store_.Write(files(), first).ok();
      const bool received = wrote && ReceiveAll(file, id).ok();
      files().FailAt(0, fault);
      if (prng.Chance(1, 3)) {
        files().Restart();
      } else if (fault == Fault::kCrash || prng.Chance(1, 2)) {
        files().Crash(prng);
      }
      if (wrote) {
        EXPECT_EQ(store_.Read(files(), first.last).value(), first);
      }
      if (received) {
        EXPECT_EQ(store_.Read(files(), second.last).value(), second);
      }
      // What a start has seen is there after the next power loss.
      const std::vector<raft::EntryId> found = store_.Recover(files()).value();
      files().Crash(prng);
      for (const raft::EntryId& last : found) {
        EXPECT_TRUE(store_.Read(files(), last).ok());
      }
      ASSERT_TRUE(store_.Write(files(), first).ok());
      // A part that was torn is noticed at the end, and starts over.
      absl::StatusOr<Snapshot> again = ReceiveAll(file, id);
      if (!again.ok()) again = ReceiveAll(file, id);
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(*again, second);
      // What an attempt that failed had done already is not taken for durable.
      files().Crash(prng);
      EXPECT_EQ(store_.Read(files(), first.last).value(), first);
      EXPECT_EQ(store_.Read(files(), second.last).value(), second);
    }
  }
}

// Else it would be asked for again, and found complete, for ever.
TEST_F(SnapshotStoreTest, WhatWasReceivedAndCannotBeReadComesAgain) {
  const Snapshot snapshot = MakeSnapshot(7);
  const std::string file = FileOf(snapshot);
  const raft::SnapshotId id = SnapshotStore::IdOf(snapshot.last, file);
  ASSERT_EQ(store_.BeginReceive(files(), id).value(), 0u);
  ASSERT_TRUE(store_.Receive(files(), id, 0, file).ok());
  const std::string part = files().List(kDirectory).value().front();
  files().MakeUnreadable(absl::StrCat(kDirectory, "/", part), 0, 1);
  EXPECT_TRUE(IsDamage(store_.FinishReceive(files(), id).status()));
  EXPECT_EQ(ReceiveAll(file, id).value(), snapshot);
  EXPECT_EQ(resumed_at_, 0u);
}

TEST_F(SnapshotStoreTest, AFailedSyncOfWhatWasReceivedIsTheDisks) {
  const Snapshot snapshot = MakeSnapshot(7);
  const std::string file = FileOf(snapshot);
  const raft::SnapshotId id = SnapshotStore::IdOf(snapshot.last, file);
  ASSERT_EQ(store_.BeginReceive(files(), id).value(), 0u);
  ASSERT_TRUE(store_.Receive(files(), id, 0, file).ok());
  std::vector<std::string> operations;
  const auto copy = files().Clone();
  copy->SetObserver([&](absl::string_view operation, absl::string_view,
                        uint64_t) { operations.emplace_back(operation); });
  ASSERT_TRUE(store_.FinishReceive(*copy, id).ok());
  const auto sync = std::find(operations.begin(), operations.end(), "Sync");
  files().FailAt(files().operations() +
                     static_cast<uint64_t>(sync - operations.begin()) + 1,
                 sim::SimFileSystem::Fault::kIoError);
  const absl::Status status = store_.FinishReceive(files(), id).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_FALSE(IsDamage(status));
}

}  // namespace
}  // namespace jaco::storage
