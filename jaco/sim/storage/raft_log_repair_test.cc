// A damaged log of a server that has peers: what is left of it is a state that
// the log once was in, and the server knows what it must not do until it has
// the rest.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/raft/codec.h"
#include "jaco/sim/storage/raft_log_model.h"
#include "jaco/storage/log_format.h"
#include "jaco/storage/promise.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPromise[] = "data/log/promise";
constexpr raft::NodeId kSelf(100);
constexpr uint64_t kKept = 8;  // segments that are set aside, at most

class RaftLogRepairTest : public ::testing::Test {
 protected:
  // Three short segments.
  void SetUp() override {
    FillSegments(*fs_, options_, 3, &state_,
                 [this](const LogState& before, const auto& batch) {
                   const auto during = StatesDuring(before, batch);
                   states_.insert(states_.end(), during.begin(), during.end());
                 });
  }

  // Opens the damaged `fs`. True when the damage was noticed.
  bool CheckDamaged(sim::SimFileSystem& fs, const std::string& path) {
    RecoveredLog found;
    const auto log = RaftLog::Open(fs, options_, &found);
    EXPECT_TRUE(log.ok()) << log.status();
    if (!log.ok()) return true;
    if (found.repair_above == raft::Term()) {
      EXPECT_EQ(LogState::Of(found), state_) << "cut in silence";
      return false;
    }
    EXPECT_GE(found.repair_above, state_.hard_state.term);
    EXPECT_EQ(found.hard_state,
              (raft::HardState{found.repair_above.Next(), raft::kNoNode}));
    EXPECT_THAT(found.damage, HasSubstr(path));
    EXPECT_THAT(found.damage, HasSubstr("offset"));
    CheckOnceTrue(found);
    return true;
  }
  void CheckOnceTrue(const RecoveredLog& found) {
    LogState once = LogState::Of(found);
    once.hard_state = {};
    EXPECT_TRUE(std::any_of(states_.begin(), states_.end(), [&](LogState s) {
      s.hard_state = {};
      return s == once;
    })) << "never was in that state";
  }

  // Of its records.
  uint64_t EndOf(uint64_t segment) {
    const std::string bytes = fs_->Contents(Segment(segment));
    uint64_t end = kSegmentHeaderBytes;
    while (const auto record = ParseRecord(bytes, segment, end)) {
      end = record->end;
    }
    return end;
  }
  void ExpectRefusedAndUnchanged(sim::SimFileSystem& fs) {
    const auto before = fs.Clone();
    RecoveredLog found;
    EXPECT_EQ(RaftLog::Open(fs, options_, &found).status().code(),
              absl::StatusCode::kDataLoss);
    ASSERT_EQ(LogNames(fs), LogNames(*before));
    for (const std::string& name : LogNames(fs)) {
      const std::string path = absl::StrCat("data/log/", name);
      EXPECT_EQ(fs.Contents(path), before->Contents(path)) << name;
    }
  }

  absl::Status AppendVoters(RaftLog& log, std::vector<raft::NodeId> voters) {
    ++appended_;
    auto entry = std::make_shared<raft::Entry>(
        *MakeEntry(state_.hard_state.term.value(),
                   state_.last().index.value() + appended_, ""));
    entry->kind = raft::EntryKind::kConfiguration;
    entry->data = raft::EncodeConfiguration({.voters = std::move(voters)});
    const raft::Persist write = MakePersist({entry});
    return log.Write({&write, 1});
  }

  std::unique_ptr<sim::SimFileSystem> fs_ = NewFileSystem();
  RaftLogOptions options_{"data/log", 1024, kSelf};
  LogState state_;
  uint64_t appended_ = 0;  // behind state_
  std::vector<LogState> states_ = {LogState()};
};

TEST_F(RaftLogRepairTest, EveryByteFlipped) {
  int noticed = 0;
  int harmless = 0;
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    const std::string path = Segment(segment);
    const uint64_t size = fs_->FileSize(path).value();
    for (uint64_t offset = 0; offset < size; ++offset) {
      const auto copy = fs_->Clone();
      const auto old = static_cast<uint8_t>(copy->Contents(path)[offset]);
      copy->OverwriteByte(path, offset, old ^ 0xff);
      SCOPED_TRACE(testing::Message() << path << " offset " << offset);
      ++(CheckDamaged(*copy, path) ? noticed : harmless);
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_GT(noticed, harmless);
}

TEST_F(RaftLogRepairTest, LostAndMisdirectedWrites) {
  const uint64_t last_mark =
      fs_->Contents(Segment(3)).find_last_not_of('\0') / 8 * 8 + 8 -
      kSyncMarkBytes;
  for (uint64_t from = 0; from <= 3; ++from) {  // 0: the write is nowhere
    for (uint64_t to = 1; to <= 3; ++to) {
      const std::string source =
          from == 0 ? std::string(4096, '\0') : fs_->Contents(Segment(from));
      const uint64_t size = fs_->FileSize(Segment(to)).value();
      for (uint64_t at = 0; at + 64 <= size; at += 32) {
        if (to == 3 && at + 64 > last_mark) break;
        const auto copy = fs_->Clone();
        for (uint64_t i = 0; i < 64; ++i) {
          copy->OverwriteByte(Segment(to), at + i,
                              source[(at + 200) % 960 + i]);
        }
        SCOPED_TRACE(testing::Message() << Segment(to) << " offset " << at);
        CheckDamaged(*copy, Segment(to));
        ASSERT_FALSE(HasFailure());
      }
    }
  }
}

// A segment that was made, and could not be named durably, may come back after
// its predecessor has gone: without a mark it is no log.
TEST_F(RaftLogRepairTest, AHeadAloneIsNoLog) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  const raft::LogStart start = MakeLogStart(state_.last());
  ASSERT_TRUE(log->CompactTo(start).ok());
  log.reset();
  ASSERT_EQ(CountSegments(*fs_), 1u);
  ASSERT_TRUE(RaftLog::Open(*fs_, options_, &found).ok());
  EXPECT_EQ(found.repair_above, raft::Term());
  EXPECT_EQ(found.log_start, start.last);

  const std::string path = Segment(4);
  const uint64_t end = fs_->Contents(path).find_last_not_of('\0') + 1;
  for (uint64_t i = end - kSyncMarkBytes; i < end; ++i) {
    fs_->OverwriteByte(path, i, 0);
  }
  ASSERT_TRUE(RaftLog::Open(*fs_, options_, &found).ok());
  EXPECT_GT(found.repair_above, raft::Term());
  EXPECT_THAT(found.damage, HasSubstr(Segment(3)));
}

TEST_F(RaftLogRepairTest, MissingSegments) {
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    const auto copy = fs_->Clone();
    ASSERT_TRUE(copy->Remove(Segment(segment)).ok());
    EXPECT_TRUE(CheckDamaged(*copy, Segment(segment)));
  }
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    ASSERT_TRUE(fs_->Remove(Segment(segment)).ok());
  }
  EXPECT_TRUE(RaftLog::Exists(*fs_, "data/log").value());
  EXPECT_TRUE(CheckDamaged(*fs_, "data/log/"));
}

// What operators are told to do with one that cannot be read (zeros in its
// place are not noticed at the end of the log). The one behind it may have been
// made and never used.
TEST_F(RaftLogRepairTest, MissingSegmentsInFrontOfAnUnusedOne) {
  MakeUnusedSegment(*fs_, options_, 4, state_.hard_state);
  EXPECT_FALSE(CheckDamaged(*fs_->Clone(), Segment(4)));
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    const auto copy = fs_->Clone();
    ASSERT_TRUE(copy->Remove(Segment(segment)).ok());
    EXPECT_TRUE(CheckDamaged(*copy, Segment(segment)));
  }
}

TEST_F(RaftLogRepairTest, LastsUntilAnEntryOfALaterTerm) {
  fs_->FlipBit(Segment(2), 300, 1);
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  const raft::Term above = found.repair_above;
  ASSERT_GT(above, raft::Term());
  const LogState left = LogState::Of(found);
  // Whatever crashes come.
  Prng prng(3);
  log.reset();
  fs_->Crash(prng);
  log = RaftLog::Open(*fs_, options_, &found).value();
  EXPECT_EQ(found.repair_above, above);
  EXPECT_EQ(LogState::Of(found), left);
  EXPECT_THAT(found.damage, HasSubstr(Segment(2)));
  // Entries of old terms, a new segment and a snapshot change nothing.
  raft::Persist install{raft::PersistId(1)};
  install.log_start = MakeLogStart({above, left.last().index + 500});
  ASSERT_TRUE(log->Write({&install, 1}).ok());
  raft::Persist entry = MakePersist({MakeEntry(
      above.value(), left.last().index.value() + 501, std::string(2000, 'x'))});
  ASSERT_TRUE(log->Write({&entry, 1}).ok());
  log.reset();
  log = RaftLog::Open(*fs_, options_, &found).value();
  EXPECT_EQ(found.repair_above, above);
  entry = MakePersist(
      {MakeEntry(above.value() + 1, left.last().index.value() + 502, "new")});
  ASSERT_TRUE(log->Write({&entry, 1}).ok());
  log.reset();
  log = RaftLog::Open(*fs_, options_, &found).value();
  EXPECT_EQ(found.repair_above, raft::Term());
  EXPECT_EQ(found.damage, "");
}

// It came from a leader of a term that the log had not heard of.
TEST_F(RaftLogRepairTest, BeginsAnewBehindASnapshotOfALaterTerm) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  RecoveredLog content;
  const raft::Term later(state_.hard_state.term.value() + 5);
  const raft::LogStart start = MakeLogStart({later, raft::LogIndex(900)});
  content.log_start = start.last;
  content.configuration = start.configuration;
  ASSERT_TRUE(log->BeginRepair(absl::DataLossError("gone"), &content).ok());
  EXPECT_EQ(content.hard_state, (raft::HardState{later, raft::kNoNode}));
  EXPECT_LE(content.repair_above, later);
  log.reset();
  log = RaftLog::Open(*fs_, options_, &found).value();
  EXPECT_EQ(LogState::Of(found), LogState::Of(content));
}

TEST_F(RaftLogRepairTest, DamagedBytesAreKeptAndBounded) {
  const std::string before = fs_->Contents(Segment(2));
  for (uint64_t n = 0; n < 2 * kKept; ++n) {
    std::string name;
    for (const std::string& found : LogNames(*fs_)) {
      if (absl::EndsWith(found, ".log")) name = found;
    }
    const std::string path =
        n == 0 ? Segment(2) : absl::StrCat("data/log/", name);
    fs_->FlipBit(path, 100, 1);
    RecoveredLog found;
    ASSERT_TRUE(RaftLog::Open(*fs_, options_, &found).ok());
    std::vector<std::string> kept;
    for (const std::string& file : LogNames(*fs_)) {
      if (absl::EndsWith(file, ".damaged")) kept.push_back(file);
    }
    EXPECT_LE(kept.size(), kKept);
    if (n > 0) continue;
    // From the damaged one on.
    ASSERT_EQ(kept.size(), 2u);
    std::string aside = fs_->Contents("data/log/" + kept[0]);
    aside[100] = before[100];
    EXPECT_EQ(aside, before);
  }
}

TEST_F(RaftLogRepairTest, EveryOperationOfARepairMayBeCutOff) {
  fs_->FlipBit(Segment(2), 300, 1);
  const auto whole = fs_->Clone();
  const uint64_t before = whole->operations();
  EXPECT_TRUE(CheckDamaged(*whole, Segment(2)));
  const uint64_t operations = whole->operations() - before;
  for (uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE(testing::Message() << "operation " << n);
    const auto copy = fs_->Clone();
    copy->FailAt(copy->operations() + n, sim::SimFileSystem::Fault::kCrash);
    RecoveredLog found;
    EXPECT_FALSE(RaftLog::Open(*copy, options_, &found).ok());
    Prng prng(n);
    copy->Crash(prng);
    EXPECT_TRUE(CheckDamaged(*copy, Segment(2)));
    bool kept = false;
    for (const std::string& name : LogNames(*copy)) {
      kept = kept || name == SegmentName(2) + ".damaged";
    }
    EXPECT_TRUE(kept);
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(RaftLogRepairTest, AloneThereIsNobodyToRepairFrom) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  ASSERT_TRUE(AppendVoters(*log, {kSelf}).ok());
  log.reset();
  fs_->FlipBit(Segment(2), 300, 1);
  const auto refused = RaftLog::Open(*fs_, options_, &found);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(Segment(2)));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("offset"));
  EXPECT_EQ(CountSegments(*fs_), 3u);
}

// Whoever looks into it may find more than a start can.
TEST_F(RaftLogRepairTest, AloneNothingIsChanged) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  ASSERT_TRUE(AppendVoters(*log, {kSelf}).ok());
  const uint64_t end = EndOf(3);
  raft::Persist vote{raft::PersistId(1)};
  vote.hard_state = raft::HardState{state_.hard_state.term.Next(), kSelf};
  ASSERT_TRUE(log->Write({&vote, 1}).ok());
  // The vote is lost, and what is left of it looks like a torn write.
  const auto behind = fs_->Clone();
  behind->FlipBit(Segment(3), end + 20, 1);
  for (uint64_t i = end + kHardStateRecordBytes; i < 1024; ++i) {
    behind->OverwriteByte(Segment(3), i, 0);
  }
  ExpectRefusedAndUnchanged(*behind);

  // One was made behind it and not used yet, and where that is damaged its end
  // cannot be found.
  raft::Persist large = MakePersist({MakeEntry(
      vote.hard_state->term.value(),
      state_.last().index.value() + appended_ + 1, std::string(900, 'x'))});
  ASSERT_TRUE(log->Write({&large, 1}).ok());
  log.reset();
  const std::string next = fs_->Contents(Segment(4));
  uint64_t head = kSegmentHeaderBytes;
  for (int i = 0; i < 2; ++i) head = ParseRecord(next, 4, head)->end;
  for (uint64_t i = head; i < next.size(); ++i) {
    fs_->OverwriteByte(Segment(4), i, 0);
  }
  fs_->FlipBit(Segment(3), end - kSyncMarkBytes - 8, 1);
  ExpectRefusedAndUnchanged(*fs_);
  fs_->FlipBit(Segment(3), end - kSyncMarkBytes - 8, 1);
  // Nor where an earlier one is damaged.
  fs_->FlipBit(Segment(2), 300, 1);
  ExpectRefusedAndUnchanged(*fs_);
  fs_->FlipBit(Segment(2), 300, 1);
  EXPECT_TRUE(RaftLog::Open(*fs_, options_, &found).ok());
}

// What is left of the log may end with the configuration of a time at which it
// was alone: it is not alone for that.
TEST_F(RaftLogRepairTest, OnceAloneIsNotAlone) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  ASSERT_TRUE(AppendVoters(*log, {kSelf}).ok());
  const uint64_t end = fs_->Contents(Segment(3)).find_last_not_of('\0') + 1;
  ASSERT_TRUE(AppendVoters(*log, {kSelf, raft::NodeId(101)}).ok());
  log.reset();
  fs_->FlipBit(Segment(3), end + 32, 1);
  log = RaftLog::Open(*fs_, options_, &found).value();
  ASSERT_GT(found.repair_above, raft::Term());
  ASSERT_EQ(found.entries.back()->kind, raft::EntryKind::kConfiguration);
  log.reset();
  // The log is in a segment of its own by now.
  fs_->FlipBit(Segment(4), 300, 1);
  log = RaftLog::Open(*fs_, options_, &found).value();
  EXPECT_THAT(found.damage, HasSubstr(Segment(4)));
}

TEST_F(RaftLogRepairTest, AloneByPeersJson) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  raft::Configuration alone;
  alone.voters = {kSelf};
  ASSERT_TRUE(log->ReplaceConfiguration(alone).ok());
  log.reset();
  fs_->FlipBit(Segment(2), 300, 1);
  EXPECT_EQ(RaftLog::Open(*fs_, options_, &found).status().code(),
            absl::StatusCode::kDataLoss);
}

// Others have other members under the same ids, and would not send them.
TEST_F(RaftLogRepairTest, MembersThatWereReplacedDoNotComeBack) {
  const raft::NodeId lost(101);
  const raft::NodeId left(102);
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  ASSERT_TRUE(AppendVoters(*log, {kSelf, lost, left}).ok());
  const raft::LogIndex at = state_.last().index + appended_;
  ASSERT_TRUE(log->ReplaceConfiguration({.voters = {kSelf, left}}).ok());
  log.reset();
  int kept = 0;
  const auto check = [&](sim::SimFileSystem& fs) {
    auto opened = RaftLog::Open(fs, options_, &found);
    ASSERT_TRUE(opened.ok()) << opened.status();
    for (const raft::EntryPtr& entry : found.entries) {
      if (entry->id.index != at) continue;
      ++kept;
      EXPECT_THAT(raft::DecodeConfiguration(entry->data)->voters,
                  ElementsAre(kSelf, left));
    }
  };
  for (uint64_t segment = 1; segment <= CountSegments(*fs_); ++segment) {
    const std::string path = Segment(segment);
    for (uint64_t at = 0; at < fs_->FileSize(path).value(); ++at) {
      SCOPED_TRACE(testing::Message() << path << " offset " << at);
      const auto flipped = fs_->Clone();
      flipped->FlipBit(path, at, 1);
      check(*flipped);
      if (HasFailure()) return;
      // What followed is lost.
      if (at % 8 != 0) continue;
      const auto cut = fs_->Clone();
      for (uint64_t i = at; i < cut->FileSize(path).value(); ++i) {
        cut->OverwriteByte(path, i, 0);
      }
      check(*cut);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(kept, 0);
}

TEST_F(RaftLogRepairTest, EveryByteOfThePromiseFlipped) {
  ASSERT_EQ(fs_->Contents(kPromise).size(), 4096u + 512);
  for (uint64_t i = 0; i < 1024; ++i) {
    const uint64_t offset = i < 512 ? i : 4096 - 512 + i;
    const auto copy = fs_->Clone();
    const auto old = static_cast<uint8_t>(copy->Contents(kPromise)[offset]);
    copy->OverwriteByte(kPromise, offset, old ^ 0xff);
    EXPECT_FALSE(CheckDamaged(*copy, kPromise));
    // One copy is enough.
    copy->OverwriteByte(kPromise, offset, old ^ 0xff);
    copy->FlipBit(Segment(2), 300, 1);
    EXPECT_TRUE(CheckDamaged(*copy, Segment(2)));
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(RaftLogRepairTest, OneCopyOfThePromiseMayBeUnreadable) {
  for (const uint64_t offset : {0, 4096}) {
    const auto copy = fs_->Clone();
    // The kernel refuses what is in a page with it.
    copy->MakeUnreadable(kPromise, offset, offset == 0 ? 4096 : 512);
    EXPECT_FALSE(CheckDamaged(*copy, kPromise));
    EXPECT_THAT(copy->Unreadable(), IsEmpty());  // it is written again
  }
  RecoveredLog found;
  // The one that is unreadable may be the one that is good.
  const auto copy = fs_->Clone();
  copy->MakeUnreadable(kPromise, 0, 1);
  copy->FlipBit(kPromise, 4096 + 20, 1);
  EXPECT_EQ(RaftLog::Open(*copy, options_, &found).status().code(),
            absl::StatusCode::kDataLoss);
  fs_->MakeUnreadable(kPromise, 0, 4096 + 512);
  EXPECT_EQ(RaftLog::Open(*fs_, options_, &found).status().code(),
            absl::StatusCode::kDataLoss);
}

// The second copy was at 512.
TEST_F(RaftLogRepairTest, APromiseOfVersionOneIsRead) {
  const auto expected = PromiseFile("data/log").Load(*fs_);
  ASSERT_TRUE(expected.ok() && expected->has_value());
  std::string copy = fs_->Contents(kPromise).substr(0, 512);
  copy[8] = 1;
  StoreLittleEndian(Crc32c(copy.substr(0, 56)), copy.data() + 56);
  for (const int damaged : {-1, 0, 512}) {
    SCOPED_TRACE(damaged);
    const auto fs = fs_->Clone();
    const auto file = fs->Open(kPromise, env::OpenMode::kCreateTruncate);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->WriteAt(0, copy + copy).ok());
    ASSERT_TRUE((*file)->Sync().ok());
    if (damaged >= 0) {
      fs->FlipBit(kPromise, static_cast<uint64_t>(damaged) + 20, 1);
    }
    const auto read = PromiseFile("data/log").Load(*fs);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, *expected);
    // The next start makes it one of version 2.
    EXPECT_FALSE(CheckDamaged(*fs, kPromise));
    EXPECT_EQ(fs->Contents(kPromise).substr(4096),
              fs->Contents(kPromise).substr(0, 512));
  }
}

// What cannot be read may come back, and is perhaps the only copy: it is not
// damage, and nothing is given up for it.
TEST_F(RaftLogRepairTest, AnUnreadableSectorStopsItAndChangesNothing) {
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    const std::string path = Segment(segment);
    for (uint64_t offset = 0; offset < fs_->FileSize(path).value();
         offset += 512) {
      const auto copy = fs_->Clone();
      copy->MakeUnreadable(path, offset, 1);
      RecoveredLog found;
      const absl::Status refused =
          RaftLog::Open(*copy, options_, &found).status();
      EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(std::string(refused.message()), HasSubstr(path));
      copy->RereadUnreadable();
      EXPECT_FALSE(CheckDamaged(*copy, path));
    }
    // As a copy of the disk has it.
    const auto copy = fs_->Clone();
    copy->MakeUnreadable(path, 0, 1);
    copy->ZeroUnreadable();
    EXPECT_TRUE(CheckDamaged(*copy, path));
  }
}

TEST_F(RaftLogRepairTest, WithoutLogAndPromiseNothingCanBeProven) {
  fs_->FlipBit(kPromise, 20, 1);
  fs_->FlipBit(kPromise, 4096 + 20, 1);
  const auto copy = fs_->Clone();
  EXPECT_FALSE(CheckDamaged(*copy, kPromise));  // the log tells
  fs_->FlipBit(Segment(2), 300, 1);
  RecoveredLog found;
  const auto refused = RaftLog::Open(*fs_, options_, &found);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(Segment(2)));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(kPromise));
}

// That the log lost its end may come out later, by the state store. Without the
// promise it does not matter what the rest of the log says, at the next start
// neither.
TEST_F(RaftLogRepairTest, NothingCanBeProvenOfALogThatLostItsEnd) {
  fs_->FlipBit(kPromise, 20, 1);
  fs_->FlipBit(kPromise, 4096 + 20, 1);
  const absl::Status ahead = absl::DataLossError("the store is ahead");
  RecoveredLog found;
  for (int start = 0; start < 2; ++start) {
    auto log = RaftLog::Open(*fs_, options_, &found).value();
    const absl::Status refused = log->BeginRepair(ahead, &found);
    EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(refused.message()), HasSubstr(kPromise));
  }
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  ASSERT_TRUE(log->Write({}).ok());
  log.reset();
  log = RaftLog::Open(*fs_, options_, &found).value();
  EXPECT_TRUE(log->BeginRepair(ahead, &found).ok());
}

// In the rest of a log that lost its end it may be alone.
TEST_F(RaftLogRepairTest, OnceAloneIsNotAloneWhenTheEndIsLost) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  ASSERT_TRUE(AppendVoters(*log, {kSelf}).ok());
  const std::string before = fs_->Contents(Segment(3));
  ASSERT_TRUE(AppendVoters(*log, {kSelf, raft::NodeId(101)}).ok());
  log.reset();
  for (uint64_t i = 0; i < before.size(); ++i) {
    fs_->OverwriteByte(Segment(3), i, before[i]);
  }
  // The first start may end before it has looked at the store.
  for (int start = 0; start < 2; ++start) {
    log.reset();
    log = RaftLog::Open(*fs_, options_, &found).value();
    ASSERT_EQ(found.repair_above, raft::Term());
  }
  const absl::Status begun =
      log->BeginRepair(absl::DataLossError("the store is ahead"), &found);
  EXPECT_TRUE(begun.ok()) << begun;
}

// What destroys the end of the log without a trace in it may be betrayed by the
// promise.
TEST_F(RaftLogRepairTest, ALostVoteIsNoticed) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  const auto before = fs_->Contents(Segment(3));
  raft::Persist vote{raft::PersistId(1)};
  vote.hard_state = raft::HardState{state_.hard_state.term.Next(), kSelf};
  ASSERT_TRUE(log->Write({&vote, 1}).ok());
  log.reset();
  for (uint64_t i = 0; i < before.size(); ++i) {
    fs_->OverwriteByte(Segment(3), i, before[i]);
  }
  state_.hard_state = *vote.hard_state;
  EXPECT_TRUE(CheckDamaged(*fs_, Segment(3)));
}

// A promise that a write left in the page cache, where the next start reads it,
// is made durable by that start.
TEST_F(RaftLogRepairTest, APromiseThatWasReadIsDurable) {
  const auto before = fs_->Contents(Segment(3));
  uint64_t failed = 0;
  uint64_t kept = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const uint64_t n = seed % 10 + 1;
    const auto fs = fs_->Clone();
    RecoveredLog found;
    auto log = RaftLog::Open(*fs, options_, &found).value();
    raft::Persist vote{raft::PersistId(1)};
    vote.hard_state = raft::HardState{state_.hard_state.term.Next(), kSelf};
    fs->FailAt(fs->operations() + n, sim::SimFileSystem::Fault::kIoError);
    failed += log->Write({&vote, 1}).ok() ? 0 : 1;
    log.reset();
    fs->FailAt(0, sim::SimFileSystem::Fault::kIoError);
    fs->Restart();
    log = RaftLog::Open(*fs, options_, &found).value();
    const raft::HardState promised = found.hard_state;
    log.reset();
    Prng prng(seed);
    fs->Crash(prng);
    if (promised != *vote.hard_state) continue;
    ++kept;
    // What was written to the log is lost.
    for (uint64_t i = 0; i < before.size(); ++i) {
      fs->OverwriteByte(Segment(3), i, before[i]);
    }
    log = RaftLog::Open(*fs, options_, &found).value();
    EXPECT_GE(found.repair_above, promised.term) << seed;
  }
  EXPECT_GT(failed, 20u);
  EXPECT_GT(kept, 20u);
}

}  // namespace
}  // namespace jaco::storage
