#include "jaco/raft/durability.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "jaco/base/prng.h"
#include "jaco/raft/log.h"
#include "jaco/raft/test_server.h"

namespace jaco::raft {
namespace {

// A server's log and hard state change at random; its writes land on a disk
// which may be ahead of what it reports.
class RandomDurability {
 public:
  explicit RandomDurability(uint64_t seed)
      : prng_(seed), log_({}, {}), durability_({}, LogIndex(0)) {}

  void Step() {
    switch (prng_.Below(6)) {
      case 0:
      case 1:
        Append();
        break;
      case 2:
        Truncate();
        break;
      case 3:
        TakeWrite();
        break;
      case 4:
        Report(prng_.Below(writes_.size() + 1));
        break;
      case 5:
        ChangeHardState();
    }
    CheckClaims();
  }

  // With everything written and reported, everything is durable.
  void Finish() {
    TakeWrite();
    Report(writes_.size());
    CheckClaims();
    EXPECT_EQ(durability_.index(), log_.last().index);
    EXPECT_EQ(durability_.hard_state(), hard_state_);
    EXPECT_FALSE(durability_.HasWrite(hard_state_, log_));
  }

 private:
  void Append() {
    hard_state_.term = std::max(hard_state_.term, log_.last().term.Next());
    log_.Append(std::make_shared<const Entry>(
        Entry{.id = {hard_state_.term, log_.last().index.Next()}}));
  }

  void Truncate() {
    if (log_.last().index == LogIndex(0)) return;
    const LogIndex from(prng_.Between(1, log_.last().index.value()));
    log_.TruncateFrom(from);
    durability_.OnTruncated(from);
    // A leader that makes us cut always gives us something else instead, of a
    // later term than what was cut.
    ++hard_state_.term;
    log_.Append(
        std::make_shared<const Entry>(Entry{.id = {hard_state_.term, from}}));
  }

  void TakeWrite() {
    const bool has = durability_.HasWrite(hard_state_, log_);
    const auto write = durability_.TakeWrite(hard_state_, log_, Instant());
    ASSERT_EQ(write.has_value(), has);
    if (write.has_value()) writes_.push_back(*write);
  }

  void Report(size_t count) {
    if (count == 0) return;
    for (size_t i = 0; i < count; ++i) reported_.Write(writes_[i]);
    durability_.OnPersisted(writes_[count - 1].id, Instant());
    writes_.erase(writes_.begin(), writes_.begin() + count);
  }

  void ChangeHardState() {
    hard_state_ = {hard_state_.term.Next(), NodeId(prng_.Below(3))};
  }

  // Whatever part of the writes under way a crash leaves, what is claimed to be
  // durable is there.
  void CheckClaims() {
    ModelDisk disk = reported_;
    EXPECT_EQ(durability_.hard_state(), disk.hard_state);
    for (size_t landed = 0; landed <= writes_.size(); ++landed) {
      if (landed > 0) disk.Write(writes_[landed - 1]);
      ASSERT_LE(durability_.index().value(), disk.entries.size());
      for (LogIndex i; i < durability_.index();) {
        ++i;
        ASSERT_EQ(disk.entries[i.value() - 1], log_.At(i));
      }
    }
  }

  Prng prng_;
  Log log_;
  HardState hard_state_;
  Durability durability_;
  std::vector<Persist> writes_;  // under way
  ModelDisk reported_;
};

TEST(DurabilityTest, NeverClaimsMoreThanTheDiskHolds) {
  for (uint64_t seed = 1; seed <= 300 && !::testing::Test::HasFailure();
       ++seed) {
    SCOPED_TRACE(seed);
    RandomDurability durability(seed);
    for (int i = 0; i < 60 && !::testing::Test::HasFailure(); ++i) {
      durability.Step();
    }
    durability.Finish();
  }
}

TEST(DurabilityTest, StartsWithWhatWasRestored) {
  const HardState state{Term(3), NodeId(2)};
  Durability durability(state, LogIndex(7));
  EXPECT_EQ(durability.index(), LogIndex(7));
  EXPECT_EQ(durability.hard_state(), state);
}

class SilenceTest : public testing::Test {
 protected:
  PersistId Write(Instant now) {
    ++state_.term;
    return durability_.TakeWrite(state_, log_, now)->id;
  }
  static Instant At(int64_t ms) { return Instant() + Milliseconds(ms); }

  HardState state_;
  Log log_{{}, {}};
  Durability durability_{{}, LogIndex(0)};
};

// A disk that is slow and goes on is not one that has stopped.
TEST_F(SilenceTest, AWriteWaitsForThoseBeforeIt) {
  const PersistId first = Write(At(10));
  Write(At(20));
  EXPECT_EQ(durability_.silent_since(), At(10));
  durability_.OnPersisted(first, At(500));
  EXPECT_EQ(durability_.silent_since(), At(500));
}

TEST_F(SilenceTest, AWriteThatComesLaterCountsFromThen) {
  const PersistId first = Write(At(10));
  durability_.OnPersisted(first, At(20));
  EXPECT_EQ(durability_.silent_since(), std::nullopt);
  Write(At(30));
  EXPECT_EQ(durability_.silent_since(), At(30));
}

TEST_F(SilenceTest, ADiskWithoutRoomIsNotSilentUntilTheNextTry) {
  const PersistId first = Write(At(10));
  durability_.OnRefused(At(300));
  EXPECT_TRUE(durability_.refused());
  EXPECT_EQ(durability_.silent_since(), At(300));
  durability_.OnPersisted(first, At(500));
  EXPECT_FALSE(durability_.refused());
}

TEST(DurabilityDeathTest, RefusesWritesThatWereNotHandedOut) {
  Durability durability({}, LogIndex(0));
  EXPECT_DEATH(durability.OnPersisted(PersistId(1), Instant()), "check failed");
}

}  // namespace
}  // namespace jaco::raft
