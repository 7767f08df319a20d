// An inspection says what a start would find: over the same damaged directories
// both are held against each other.

#include "jaco/storage/log_inspection.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/sim/storage/raft_log_model.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kPromise[] = "data/log/promise";

class LogInspectionTest : public ::testing::Test {
 protected:
  // Three short segments and one that was never used.
  void SetUp() override {
    FillSegments(*fs_, options_, 3, &state_);
    MakeUnusedSegment(*fs_, options_, 4, state_.hard_state);
  }

  // True when there is damage.
  bool Compare(sim::SimFileSystem& fs) {
    const uint64_t used = fs.used_bytes();
    const auto inspection = InspectLog(fs, "data/log");
    EXPECT_TRUE(inspection.ok()) << inspection.status();
    EXPECT_EQ(fs.used_bytes(), used);
    RecoveredLog found;
    const auto log = RaftLog::Open(fs, options_, &found);
    EXPECT_EQ(inspection->damage.empty(), log.ok()) << log.status();
    if (!log.ok()) return true;
    EXPECT_EQ(LogState::Of(inspection->log), LogState::Of(found));
    EXPECT_EQ(inspection->log.torn_bytes, found.torn_bytes);
    return false;
  }
  void Zero(const std::string& path, uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) fs_->OverwriteByte(path, i, 0);
  }

  std::unique_ptr<sim::SimFileSystem> fs_ = NewFileSystem();
  RaftLogOptions options_{"data/log", 1024};
  LogState state_;
};

TEST_F(LogInspectionTest, EveryByteFlipped) {
  EXPECT_FALSE(Compare(*fs_->Clone()));
  int damaged = 0;
  std::vector<std::string> paths = {kPromise};
  for (uint64_t s = 1; s <= 4; ++s) paths.push_back(Segment(s));
  for (const std::string& path : paths) {
    for (uint64_t at = 0; at < fs_->FileSize(path).value(); ++at) {
      SCOPED_TRACE(testing::Message() << path << " offset " << at);
      const auto copy = fs_->Clone();
      copy->FlipBit(path, at, 1);
      damaged += Compare(*copy) ? 1 : 0;
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_GT(damaged, 1000);
}

TEST_F(LogInspectionTest, EverySetOfMissingSegments) {
  for (unsigned missing = 0; missing < 16; ++missing) {
    for (const bool cut : {false, true}) {  // the end of the second, too
      SCOPED_TRACE(testing::Message() << missing << " and " << cut);
      const auto copy = fs_->Clone();
      const uint64_t size = copy->FileSize(Segment(2)).value();
      for (uint64_t i = 150; cut && i < size; ++i) {
        copy->OverwriteByte(Segment(2), i, 0);
      }
      for (uint64_t s = 1; s <= 4; ++s) {
        if ((missing >> (s - 1)) % 2 == 0) continue;
        ASSERT_TRUE(copy->Remove(Segment(s)).ok());
      }
      const bool damaged = Compare(*copy);
      EXPECT_TRUE(cut || damaged == (missing % 8 != 0));
      ASSERT_FALSE(HasFailure());
    }
  }
}

// The end of the log is lost: up to `from`, whatever that is.
TEST_F(LogInspectionTest, EveryEndOfTheLog) {
  const uint64_t size = fs_->FileSize(Segment(3)).value();
  int damaged = 0;
  for (uint64_t from = 0; from < size; from += 8) {
    SCOPED_TRACE(from);
    const auto copy = fs_->Clone();
    for (uint64_t i = from; i < size; ++i) {
      copy->OverwriteByte(Segment(3), i, 0);
    }
    damaged += Compare(*copy) ? 1 : 0;
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(damaged, 10);
}

// The vote in it is in the promise too.
TEST_F(LogInspectionTest, ALogThatEndsBeforeItsPromiseIsDamaged) {
  RecoveredLog found;
  auto log = RaftLog::Open(*fs_, options_, &found).value();
  const uint64_t begin = fs_->Contents(Segment(3)).find_last_not_of('\0') + 1;
  raft::Persist vote{raft::PersistId(1)};
  vote.hard_state =
      raft::HardState{state_.hard_state.term.Next(), raft::NodeId(1)};
  ASSERT_TRUE(log->Write({&vote, 1}).ok());
  log.reset();
  Zero(Segment(3), begin, fs_->FileSize(Segment(3)).value());
  const auto inspection = InspectLog(*fs_, "data/log");
  ASSERT_THAT(inspection->damage, SizeIs(1));
  EXPECT_THAT(std::string(inspection->damage[0].message()),
              HasSubstr("ends before term"));
  EXPECT_TRUE(Compare(*fs_));
}

}  // namespace
}  // namespace jaco::storage
