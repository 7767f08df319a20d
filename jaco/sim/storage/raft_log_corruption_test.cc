// Damage to a log that was closed in good order: it is reported, or it does not
// matter.

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/sim/storage/raft_log_model.h"
#include "jaco/storage/log_format.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {
namespace {

using ::testing::HasSubstr;

class RaftLogCorruptionTest : public ::testing::Test {
 protected:
  // Three short segments.
  void SetUp() override {
    FillSegments(*fs_, options_, 3, &state_);
    while (paths_.size() < 3) paths_.push_back(Segment(paths_.size() + 1));
  }

  // Opens a damaged copy. True when the damage was noticed.
  bool CheckDamaged(sim::SimFileSystem& fs, const std::string& path) {
    RecoveredLog recovered;
    const auto log = RaftLog::Open(fs, options_, &recovered);
    if (log.ok()) {
      EXPECT_EQ(LogState::Of(recovered), state_);
      return false;
    }
    EXPECT_EQ(log.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(log.status().message()), HasSubstr(path));
    EXPECT_THAT(std::string(log.status().message()), HasSubstr("offset"));
    return true;
  }

  std::unique_ptr<sim::SimFileSystem> fs_ = NewFileSystem();
  RaftLogOptions options_{"data/log", 1024};
  LogState state_;
  std::vector<std::string> paths_;
};

TEST_F(RaftLogCorruptionTest, EveryByteFlipped) {
  int noticed = 0;
  int harmless = 0;
  for (const std::string& path : paths_) {
    const uint64_t size = fs_->FileSize(path).value();
    for (uint64_t offset = 0; offset < size; ++offset) {
      for (const uint8_t mask : {0x01, 0x80, 0xff}) {
        const auto copy = fs_->Clone();
        const auto old = static_cast<uint8_t>(copy->Contents(path)[offset]);
        copy->OverwriteByte(path, offset, old ^ mask);
        SCOPED_TRACE(testing::Message() << path << " offset " << offset);
        ++(CheckDamaged(*copy, path) ? noticed : harmless);
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  // Harmless are the last mark and what was never written.
  EXPECT_GT(noticed, harmless);
}

TEST_F(RaftLogCorruptionTest, MisdirectedWrites) {
  // Any 64 bytes of a segment over any others, also over another segment's. But
  // for the end of the log: what destroys the last sync mark together with what
  // it vouches for leaves a torn tail, as far as anybody can tell.
  const uint64_t last_mark =
      fs_->Contents(paths_.back()).find_last_not_of('\0') / 8 * 8 + 8 -
      kSyncMarkBytes;
  for (const std::string& from : paths_) {
    for (const std::string& to : paths_) {
      const std::string source = fs_->Contents(from);
      const uint64_t size = fs_->FileSize(to).value();
      for (uint64_t at = 0; at + 64 <= size; at += 64) {
        if (to == paths_.back() && at + 64 > last_mark) break;
        for (uint64_t begin = 0; begin + 64 <= source.size(); begin += 136) {
          const auto copy = fs_->Clone();
          for (uint64_t i = 0; i < 64; ++i) {
            copy->OverwriteByte(to, at + i, source[begin + i]);
          }
          SCOPED_TRACE(testing::Message() << to << " offset " << at);
          CheckDamaged(*copy, to);
          ASSERT_FALSE(HasFailure());
        }
      }
    }
  }
}

TEST_F(RaftLogCorruptionTest, ARecordInAnotherPlaceIsNoRecord) {
  const std::string segment = fs_->Contents(paths_[0]);
  const auto record = ParseRecord(segment, 1, kSegmentHeaderBytes);
  ASSERT_TRUE(record.has_value());
  EXPECT_FALSE(ParseRecord(segment, 2, kSegmentHeaderBytes).has_value());
  EXPECT_FALSE(ParseRecord("12345678" + segment, 1, kSegmentHeaderBytes + 8)
                   .has_value());
}

TEST_F(RaftLogCorruptionTest, StaleSegmentContent) {
  // A segment whose blocks still hold what another one held.
  for (size_t to = 0; to < paths_.size(); ++to) {
    const auto copy = fs_->Clone();
    const std::string stale = fs_->Contents(paths_[(to + 1) % 3]);
    auto file = copy->Open(paths_[to], env::OpenMode::kReadWrite).value();
    ASSERT_TRUE(file->WriteAt(0, stale).ok());
    EXPECT_TRUE(CheckDamaged(*copy, paths_[to]));
  }
}

TEST_F(RaftLogCorruptionTest, TruncatedFiles) {
  for (size_t i = 0; i < paths_.size(); ++i) {
    const uint64_t size = fs_->FileSize(paths_[i]).value();
    const size_t used = fs_->Contents(paths_[i]).find_last_not_of('\0') + 1;
    for (uint64_t left = 0; left < size; ++left) {
      const auto copy = fs_->Clone();
      auto file = copy->Open(paths_[i], env::OpenMode::kReadWrite).value();
      ASSERT_TRUE(file->Truncate(left).ok());
      const bool noticed = CheckDamaged(*copy, paths_[i]);
      EXPECT_TRUE(noticed || left >= used);
    }
  }
}

}  // namespace
}  // namespace jaco::storage
