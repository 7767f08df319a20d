#include "jaco/storage/raft_log.h"

#include <gtest/gtest.h>  // Before RapidCheck's, which needs it.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "gmock/gmock.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/raft/codec.h"
#include "jaco/sim/storage/raft_log_model.h"
#include "jaco/storage/log_format.h"

namespace jaco::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RaftLogTest : public ::testing::Test {
 protected:
  absl::Status Open() {
    log_.reset();
    auto log = RaftLog::Open(*fs_, TestOptions(), &recovered_);
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    return absl::OkStatus();
  }
  void Reopen() {
    ASSERT_TRUE(Open().ok());
    EXPECT_EQ(LogState::Of(recovered_), state_);
  }
  absl::Status Write(std::vector<raft::Persist> writes) {
    const absl::Status status = log_->Write(writes);
    if (status.ok()) {
      for (const raft::Persist& write : writes) state_.Apply(write);
    }
    return status;
  }
  absl::Status WriteEntry(uint64_t term, uint64_t index, size_t size = 10) {
    return Write(
        {MakePersist({MakeEntry(term, index, std::string(size, 'x'))})});
  }
  absl::Status WriteTerm(uint64_t term) {
    raft::Persist write = MakePersist({});
    write.hard_state = raft::HardState{raft::Term(term), raft::NodeId(1)};
    return Write({write});
  }
  // Replaces a file's content.
  void Put(const std::string& path, const std::string& bytes) {
    auto file = fs_->Open(path, env::OpenMode::kCreateTruncate).value();
    ASSERT_TRUE(file->WriteAt(0, bytes).ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(fs_->SyncDirectory("data/log").ok());
  }

  std::unique_ptr<sim::SimFileSystem> fs_ = NewFileSystem();
  RecoveredLog recovered_;
  std::unique_ptr<RaftLog> log_;
  LogState state_;
};

TEST_F(RaftLogTest, FreshLogIsEmpty) {
  EXPECT_FALSE(RaftLog::Exists(*fs_, "data/log").value());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(LogState::Of(recovered_), LogState());
  EXPECT_EQ(recovered_.log_start, raft::EntryId());
  EXPECT_EQ(recovered_.torn_bytes, 0u);
  EXPECT_TRUE(RaftLog::Exists(*fs_, "data/log").value());
  Reopen();
}

TEST_F(RaftLogTest, CompactionDropsWholeSegments) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(WriteTerm(10).ok());
  for (uint64_t i = 1; i <= 100; ++i) {
    ASSERT_TRUE(WriteEntry(i / 10, i, 100).ok());
  }
  // But for the promise, which stays as it is.
  const auto used = [this] {
    return fs_->used_bytes() - fs_->FileSize("data/log/promise").value();
  };
  const uint64_t before = used();
  ASSERT_TRUE(
      log_->CompactTo(MakeLogStart({raft::Term(8), raft::LogIndex(80)})).ok());
  EXPECT_LT(used(), before / 2);
  EXPECT_FALSE(fs_->Exists(Segment(1)).value());
  // Further compaction within the same segments changes nothing.
  const uint64_t operations = fs_->operations();
  ASSERT_TRUE(
      log_->CompactTo(MakeLogStart({raft::Term(8), raft::LogIndex(80)})).ok());
  ASSERT_TRUE(
      log_->CompactTo(MakeLogStart({raft::Term(8), raft::LogIndex(81)})).ok());
  EXPECT_EQ(fs_->operations(), operations);
  state_.CompactTo({raft::Term(8), raft::LogIndex(80)});
  Reopen();
  EXPECT_EQ(recovered_.log_start.index, raft::LogIndex(80));
  ASSERT_TRUE(WriteEntry(10, 101).ok());
  Reopen();
}

TEST_F(RaftLogTest, CompactionOfEverything) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(WriteTerm(10).ok());
  ASSERT_TRUE(WriteEntry(1, 1).ok());
  ASSERT_TRUE(WriteEntry(1, 2).ok());
  ASSERT_TRUE(
      log_->CompactTo(MakeLogStart({raft::Term(1), raft::LogIndex(2)})).ok());
  state_.CompactTo({raft::Term(1), raft::LogIndex(2)});
  EXPECT_FALSE(fs_->Exists(Segment(1)).value());
  Reopen();
  Reopen();
  ASSERT_TRUE(WriteEntry(1, 3).ok());
  Reopen();
}

TEST_F(RaftLogTest, InstalledStartReplacesTheLog) {
  ASSERT_TRUE(Open().ok());
  for (uint64_t i = 1; i <= 50; ++i) ASSERT_TRUE(WriteEntry(1, i, 100).ok());
  raft::Persist before = MakePersist({MakeEntry(1, 51, "old")});
  before.hard_state = raft::HardState{raft::Term(3), raft::NodeId(1)};
  raft::Persist install = MakePersist({MakeEntry(3, 41, "new")});
  install.log_start = MakeLogStart({raft::Term(2), raft::LogIndex(40)});
  ASSERT_TRUE(
      Write({before, install, MakePersist({MakeEntry(3, 42, "x")})}).ok());
  EXPECT_EQ(state_.entries.size(), 2u);
  Reopen();
  EXPECT_EQ(recovered_.log_start,
            (raft::EntryId{raft::Term(2), raft::LogIndex(40)}));
  raft::Persist next{raft::PersistId(2)};
  next.log_start = MakeLogStart({raft::Term(3), raft::LogIndex(70)});
  ASSERT_TRUE(Write({next}).ok());
  Reopen();
  ASSERT_TRUE(WriteEntry(3, 71).ok());
  Reopen();
  EXPECT_EQ(recovered_.entries.size(), 1u);
}

raft::EntryPtr MakeConfigurationEntry(uint64_t index, uint64_t voter) {
  raft::Configuration configuration;
  configuration.voters = {raft::NodeId(voter)};
  return std::make_shared<const raft::Entry>(
      raft::Entry{{raft::Term(1), raft::LogIndex(index)},
                  raft::EntryKind::kConfiguration,
                  raft::EncodeConfiguration(configuration)});
}

uint64_t VoterOf(const raft::Entry& entry) {
  return raft::DecodeConfiguration(entry.data)->voters[0].value();
}

TEST_F(RaftLogTest, AConfigurationTakesThePlaceOfThoseBefore) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(
      log_->Write(std::vector{MakePersist({MakeConfigurationEntry(1, 7)})})
          .ok());
  for (uint64_t i = 2; i <= 60; ++i) ASSERT_TRUE(WriteEntry(1, i, 100).ok());
  raft::Configuration replacement;
  replacement.voters = {raft::NodeId(9)};
  const auto state = log_->ReplaceConfiguration(replacement);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->term.value(), kRecoveryTerms);
  ASSERT_TRUE(
      log_->Write(std::vector{MakePersist({MakeConfigurationEntry(61, 8)})})
          .ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_.hard_state, *state);
  ASSERT_EQ(recovered_.entries.size(), 61u);
  EXPECT_EQ(recovered_.entries[0]->id.term, raft::Term(1));
  EXPECT_EQ(VoterOf(*recovered_.entries[0]), 9u);
  EXPECT_EQ(VoterOf(*recovered_.entries[60]), 8u);
  EXPECT_TRUE(recovered_.configuration.voters.empty());
}

TEST_F(RaftLogTest, AConfigurationIsReplacedWhereTheLogBeginsToo) {
  ASSERT_TRUE(Open().ok());
  for (uint64_t i = 1; i <= 60; ++i) ASSERT_TRUE(WriteEntry(1, i, 100).ok());
  ASSERT_TRUE(
      log_->CompactTo(MakeLogStart({raft::Term(1), raft::LogIndex(40)})).ok());
  raft::Configuration replacement;
  replacement.voters = {raft::NodeId(9)};
  ASSERT_TRUE(log_->ReplaceConfiguration(replacement).ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_.configuration, replacement);
  // A segment that begins now says so in its head.
  for (uint64_t i = 61; i <= 120; ++i) ASSERT_TRUE(WriteEntry(1, i, 100).ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_.configuration, replacement);
  // A later start has a later configuration, whatever stands before its head.
  const auto later = MakeLogStart({raft::Term(1), raft::LogIndex(62)});
  ASSERT_TRUE(log_->CompactTo(later).ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_.configuration, recovered_.log_start == later.last
                                          ? later.configuration
                                          : replacement);
}

// B64: segments from before a compaction that reappear after a crash, with or
// without gaps, are not replayed.
TEST_F(RaftLogTest, OldSegmentsThatReappearAreIgnored) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(WriteTerm(1).ok());
  for (uint64_t i = 1; i <= 60; ++i) ASSERT_TRUE(WriteEntry(1, i, 100).ok());
  const std::string first = fs_->Contents(Segment(1));
  ASSERT_TRUE(
      log_->CompactTo(MakeLogStart({raft::Term(1), raft::LogIndex(55)})).ok());
  state_.CompactTo({raft::Term(1), raft::LogIndex(55)});
  Put(Segment(1), first);
  Reopen();
  EXPECT_FALSE(fs_->Exists(Segment(1)).value());
}

TEST_F(RaftLogTest, WritesComeBack) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Write({{raft::PersistId(1),
                      raft::HardState{raft::Term(2), raft::NodeId(3)},
                      {MakeEntry(1, 1, "a"), MakeEntry(2, 2, "")}},
                     MakePersist({MakeEntry(2, 3, "c")})})
                  .ok());
  Reopen();
  ASSERT_TRUE(WriteEntry(2, 4).ok());
  Reopen();
}

TEST_F(RaftLogTest, EntriesReplaceTheTail) {
  ASSERT_TRUE(Open().ok());
  for (uint64_t index = 1; index <= 5; ++index) {
    ASSERT_TRUE(WriteEntry(1, index).ok());
  }
  ASSERT_TRUE(WriteEntry(2, 3).ok());
  Reopen();
  EXPECT_EQ(recovered_.entries.size(), 3u);
  ASSERT_TRUE(WriteEntry(3, 1).ok());
  Reopen();
  EXPECT_EQ(recovered_.entries.size(), 1u);
}

// Fail the n-th operation for want of room, for every n of the switch to the
// next segment that comes before anything has changed.
TEST_F(RaftLogTest, WithoutRoomForASegmentTheSameWriteMayBeTriedAgain) {
  ASSERT_TRUE(Open().ok());
  const size_t size = TestOptions().segment_bytes / 2;
  ASSERT_TRUE(WriteEntry(1, 1, size).ok());
  const uint64_t used = fs_->used_bytes();
  // Remove what an attempt before left, open, preallocate, write the head.
  for (uint64_t n = 1; n <= 4; ++n) {
    fs_->FailAt(fs_->operations() + n, sim::SimFileSystem::Fault::kNoSpace);
    EXPECT_TRUE(absl::IsResourceExhausted(WriteEntry(1, 2, size)));
    EXPECT_EQ(fs_->used_bytes(), used);
  }
  ASSERT_TRUE(WriteEntry(1, 2, size).ok());
  Reopen();
}

// As where a file system copies on write.
TEST_F(RaftLogTest, WithoutRoomForARemovalTheSameWriteMayBeTriedAgain) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    log_.reset();
    fs_ = NewFileSystem(seed);
    state_ = {};
    ASSERT_TRUE(Open().ok());
    const size_t size = TestOptions().segment_bytes / 2;
    ASSERT_TRUE(WriteEntry(1, 1, size).ok());
    for (int attempt = 0; attempt < 3; ++attempt) {
      fs_->SetCapacity(fs_->used_bytes());
      const uint64_t removal = attempt == 0 ? 3 : 1;
      fs_->FailAt(fs_->operations() + removal,
                  sim::SimFileSystem::Fault::kNoSpace);
      EXPECT_TRUE(absl::IsResourceExhausted(WriteEntry(1, 2, size)));
    }
    fs_->SetCapacity(std::numeric_limits<uint64_t>::max());
    ASSERT_TRUE(WriteEntry(1, 2, size).ok());
    Reopen();
  }
}

TEST_F(RaftLogTest, AGroupIsOneWriteAndOneSync) {
  ASSERT_TRUE(Open().ok());
  std::vector<std::string> operations;
  fs_->SetObserver([&](absl::string_view operation, absl::string_view,
                       uint64_t) { operations.emplace_back(operation); });
  ASSERT_TRUE(Write({MakePersist({MakeEntry(1, 1, "a")}),
                     MakePersist({MakeEntry(1, 2, "b")})})
                  .ok());
  // The last is the sync mark.
  EXPECT_THAT(operations, ElementsAre("WriteAt", "Sync", "WriteAt"));
  operations.clear();
  ASSERT_TRUE(Write({}).ok());
  ASSERT_TRUE(Write({MakePersist({})}).ok());
  EXPECT_TRUE(operations.empty());
}

TEST_F(RaftLogTest, RollsThroughSegments) {
  ASSERT_TRUE(Open().ok());
  for (uint64_t index = 1; index <= 40; ++index) {
    ASSERT_TRUE(WriteEntry(1, index, 200).ok());
  }
  EXPECT_GT(CountSegments(*fs_), 4u);
  Reopen();
}

TEST_F(RaftLogTest, AWriteLongerThanASegment) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(WriteEntry(1, 1, 10).ok());
  ASSERT_TRUE(WriteEntry(1, 2, 10000).ok());
  ASSERT_TRUE(WriteEntry(1, 3, 10).ok());
  EXPECT_EQ(CountSegments(*fs_), 3u);
  Reopen();
  ASSERT_TRUE(WriteEntry(1, 4, 10000).ok());
  Reopen();
}

TEST_F(RaftLogTest, AFailedSyncPoisons) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(WriteEntry(1, 1).ok());
  fs_->FailAt(fs_->operations() + 2, sim::SimFileSystem::Fault::kIoError);
  const absl::Status failed = WriteEntry(1, 2);
  EXPECT_EQ(failed.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(WriteEntry(1, 3), failed);
  EXPECT_EQ(Write({}), failed);
}

TEST_F(RaftLogTest, NoRoomForTheNextSegment) {
  ASSERT_TRUE(Open().ok());
  fs_->SetCapacity(3000);
  uint64_t index = 1;
  absl::Status status;
  while ((status = WriteEntry(1, index, 100)).ok()) ++index;
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  fs_->Restart();
  Reopen();
  fs_->SetCapacity(10000);
  ASSERT_TRUE(WriteEntry(1, index, 100).ok());
  Reopen();
}

// Nobody else has to make room for a log that fills the disk itself.
TEST_F(RaftLogTest, WithoutRoomForASegmentOldOnesGoAllTheSame) {
  ASSERT_TRUE(Open().ok());
  const uint64_t room = fs_->used_bytes() + TestOptions().segment_bytes + 500;
  fs_->SetCapacity(room);
  ASSERT_TRUE(WriteTerm(1).ok());
  uint64_t index = 1;
  while (WriteEntry(1, index, 100).ok()) ++index;
  const auto start = MakeLogStart({raft::Term(1), raft::LogIndex(index - 2)});
  ASSERT_TRUE(log_->CompactTo(start).ok());
  state_.CompactTo(start.last);
  EXPECT_FALSE(fs_->Exists(Segment(1)).value());
  // There may be no more room at the next start.
  fs_->SetCapacity(fs_->used_bytes());
  Reopen();
  EXPECT_TRUE(absl::IsResourceExhausted(WriteEntry(1, index, 100)));
  fs_->SetCapacity(room);
  ASSERT_TRUE(WriteEntry(1, index, 100).ok());
  Reopen();
  while (WriteEntry(1, ++index, 100).ok()) {
  }
  raft::Persist installed = MakePersist({MakeEntry(1, index + 51, "next")});
  installed.log_start =
      MakeLogStart({raft::Term(1), raft::LogIndex(index + 50)});
  ASSERT_TRUE(Write({installed}).ok());
  Reopen();
  EXPECT_EQ(CountSegments(*fs_), 1u);
  ASSERT_TRUE(WriteEntry(1, index + 52, 100).ok());
  Reopen();
}

TEST_F(RaftLogTest, AnUnknownVersionIsRefused) {
  ASSERT_TRUE(Open().ok());
  std::string bytes = fs_->Contents(Segment(1));
  bytes[8] = 9;
  const uint32_t crc = Crc32c(absl::string_view(bytes).substr(0, 28));
  StoreLittleEndian(crc, bytes.data() + 28);
  Put(Segment(1), bytes);
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("format version 9; this build knows version 1"));
}

TEST_F(RaftLogTest, MissingSegmentsAreNoticed) {
  ASSERT_TRUE(Open().ok());
  for (uint64_t index = 1; index <= 40; ++index) {
    ASSERT_TRUE(WriteEntry(1, index, 200).ok());
  }
  const uint64_t count = CountSegments(*fs_);
  for (uint64_t sequence = 1; sequence <= count; ++sequence) {
    auto copy = fs_->Clone();
    ASSERT_TRUE(copy->Remove(Segment(sequence)).ok());
    const auto log = RaftLog::Open(*copy, TestOptions(), &recovered_);
    ASSERT_EQ(log.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(log.status().message()),
                HasSubstr(Segment(sequence)));
  }
}

TEST_F(RaftLogTest, AForeignFileIsLeftAlone) {
  ASSERT_TRUE(fs_->CreateDirectory("data/log").ok());
  Put("data/log/notes", "x");
  Put("data/log/1.log", "x");
  EXPECT_FALSE(RaftLog::Exists(*fs_, "data/log").value());
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(WriteEntry(1, 1).ok());
  Reopen();
}

// As compaction will leave it: the first segments are gone, and the newest says
// what they held.
TEST_F(RaftLogTest, ReadsACompactedLog) {
  RecordBuffer buffer;
  buffer.Reset(4, 0, 0);
  buffer.AddSegmentHeader();
  buffer.AddLogStart({MakeLogStart({raft::Term(1), raft::LogIndex(5)}), 2});
  buffer.AddHardState({raft::Term(2), raft::NodeId(0)});
  for (uint64_t index = 8; index <= 12; ++index) {
    buffer.AddEntry(*MakeEntry(index == 12 ? 2 : 1, index, "old"));
  }
  buffer.AddSegmentEnd();
  ASSERT_TRUE(fs_->CreateDirectory("data/log").ok());
  Put(Segment(4), buffer.bytes());
  buffer.Reset(5, 0, 0);
  buffer.AddSegmentHeader();
  buffer.AddLogStart({MakeLogStart({raft::Term(1), raft::LogIndex(10)}), 4});
  buffer.AddHardState({raft::Term(2), raft::NodeId(0)});
  buffer.AddEntry(*MakeEntry(2, 13, "new"));
  Put(Segment(5), buffer.bytes());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_.log_start,
            (raft::EntryId{raft::Term(1), raft::LogIndex(10)}));
  ASSERT_EQ(recovered_.entries.size(), 3u);
  EXPECT_EQ(recovered_.entries.front()->id.index, raft::LogIndex(11));
  EXPECT_EQ(recovered_.entries.back()->data, "new");
  ASSERT_TRUE(WriteEntry(2, 14, 3000).ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_.entries.size(), 4u);
  ASSERT_TRUE(fs_->Remove(Segment(4)).ok());
  EXPECT_EQ(Open().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RaftLogTest, RecordsThatBreakTheRulesAreCorruption) {
  const auto open_with = [this](const auto& add) {
    RecordBuffer buffer;
    buffer.Reset(1, 0, 0);
    buffer.AddSegmentHeader();
    buffer.AddLogStart({});
    buffer.AddHardState({raft::Term(5), raft::NodeId(0)});
    buffer.AddEntry(*MakeEntry(3, 1, "a"));
    add(buffer);
    Put(Segment(1), buffer.bytes());
    const absl::Status status = Open();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr(Segment(1)));
    return std::string(status.message());
  };
  ASSERT_TRUE(fs_->CreateDirectory("data/log").ok());
  EXPECT_THAT(open_with([](auto& b) { b.AddEntry(*MakeEntry(3, 3, "")); }),
              HasSubstr("offset 152: entry 3 comes after entry 1"));
  EXPECT_THAT(open_with([](auto& b) { b.AddEntry(*MakeEntry(2, 2, "")); }),
              HasSubstr("entry 2 of term 2 follows one of term 3"));
  EXPECT_THAT(open_with([](auto& b) {
                b.AddHardState({raft::Term(4), {}});
              }),
              HasSubstr("back from term 5 to term 4"));
  EXPECT_THAT(open_with([](auto& b) { b.AddLogStart({}); }),
              HasSubstr("log start behind the head"));
}

TEST(RaftLogDeathTest, WritesThatLeaveAGapAreABug) {
  auto fs = NewFileSystem();
  RecoveredLog recovered;
  auto log = RaftLog::Open(*fs, TestOptions(), &recovered).value();
  const std::vector<raft::Persist> writes = {
      MakePersist({MakeEntry(1, 2, "")})};
  EXPECT_DEATH(log->Write(writes).IgnoreError(), "entry 2 after entry 0");
}

RC_GTEST_PROP(RaftLogPropertyTest, AgreesWithAModel, (uint64_t seed)) {
  Prng prng(seed);
  auto fs = NewFileSystem(seed);
  LogState state;
  for (int session = 0; session < 4; ++session) {
    RecoveredLog recovered;
    auto log = RaftLog::Open(*fs, TestOptions(), &recovered);
    RC_ASSERT(log.ok());
    RC_ASSERT(LogState::Of(recovered) == state);
    for (uint64_t n = prng.Below(15); n > 0; --n) {
      const std::vector<raft::Persist> batch = DrawBatch(state, prng);
      RC_ASSERT((*log)->Write(batch).ok());
      for (const raft::Persist& write : batch) state.Apply(write);
    }
    if (prng.Chance(1, 2)) fs->Crash(prng);
  }
}

}  // namespace
}  // namespace jaco::storage
