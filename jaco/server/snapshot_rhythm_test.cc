#include "jaco/server/snapshot_rhythm.h"

#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::server {
namespace {

using ::testing::ElementsAre;

// The beats among the entries behind `begin` up to `end`, for one who begins
// there. Each entry has as many bytes as its index has tens, and one more.
std::vector<uint64_t> Beats(uint64_t begin, uint64_t end) {
  SnapshotRhythm rhythm(/*entries=*/10, /*bytes=*/12);
  std::vector<uint64_t> beats;
  for (uint64_t index = begin + 1; index <= end; ++index) {
    if (rhythm.Pass(raft::LogIndex(index), index / 10 + 1)) {
      beats.push_back(index);
    }
  }
  return beats;
}

TEST(SnapshotRhythmTest, MultiplesAndManyBytes) {
  EXPECT_THAT(Beats(0, 50), ElementsAre(10, 16, 20, 24, 28, 30, 33, 36, 39, 40,
                                        43, 46, 49, 50));
}

TEST(SnapshotRhythmTest, WhoBeginsBehindABeatAgreesAtOnce) {
  EXPECT_THAT(Beats(28, 50), ElementsAre(30, 33, 36, 39, 40, 43, 46, 49, 50));
}

TEST(SnapshotRhythmTest, WhoBeginsElsewhereAgreesFromTheNextMultipleOn) {
  EXPECT_THAT(Beats(21, 40), ElementsAre(25, 29, 30, 33, 36, 39, 40));
}

TEST(SnapshotRhythmTest, AJumpBeginsAnew) {
  SnapshotRhythm rhythm(/*entries=*/10, /*bytes=*/12);
  EXPECT_FALSE(rhythm.Pass(raft::LogIndex(1), 11));
  EXPECT_FALSE(rhythm.Pass(raft::LogIndex(13), 11));
  EXPECT_TRUE(rhythm.Pass(raft::LogIndex(14), 1));
}

}  // namespace
}  // namespace jaco::server
