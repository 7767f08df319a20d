#include "jaco/raft/progress.h"

#include "gtest/gtest.h"

namespace jaco::raft {
namespace {

Progress Replicating(uint64_t match) {
  Progress peer;
  peer.next = LogIndex(match + 1);
  peer.OnAcknowledged(LogIndex(match));
  return peer;
}

TEST(InflightsTest, FreesInOrderAndCountsBytes) {
  Inflights inflights;
  inflights.Add(LogIndex(2), 10);
  inflights.Add(LogIndex(5), 20);
  inflights.Add(LogIndex(6), 30);
  EXPECT_EQ(inflights.messages(), 3u);
  EXPECT_EQ(inflights.bytes(), 60u);
  inflights.FreeTo(LogIndex(4));
  EXPECT_EQ(inflights.messages(), 2u);
  EXPECT_EQ(inflights.bytes(), 50u);
  inflights.FreeTo(LogIndex(1));
  EXPECT_EQ(inflights.messages(), 2u);
  inflights.FreeTo(LogIndex(6));
  EXPECT_TRUE(inflights.empty());
  EXPECT_EQ(inflights.bytes(), 0u);
}

TEST(InflightsTest, ClearForgetsTheBytesToo) {
  Inflights inflights;
  inflights.Add(LogIndex(2), 10);
  inflights.Clear();
  EXPECT_TRUE(inflights.empty());
  EXPECT_EQ(inflights.bytes(), 0u);
  inflights.Add(LogIndex(1), 5);  // may start again further back
  EXPECT_EQ(inflights.bytes(), 5u);
}

TEST(InflightsTest, StaysInOrderOverManyMessages) {
  Inflights inflights;
  for (uint64_t i = 1; i <= 1000; ++i) {
    inflights.Add(LogIndex(i), 1);
    if (i > 3) inflights.FreeTo(LogIndex(i - 3));
    EXPECT_EQ(inflights.messages(), i < 3 ? i : 3);
    EXPECT_EQ(inflights.bytes(), inflights.messages());
  }
}

TEST(InflightsDeathTest, RefusesToGoBack) {
  Inflights inflights;
  inflights.Add(LogIndex(2), 10);
  EXPECT_DEATH(inflights.Add(LogIndex(2), 1), "check failed");
}

TEST(ProgressTest, AnAnswerToTheProbeStartsTheStream) {
  Progress peer;
  peer.next = LogIndex(5);
  peer.probe_sent = true;
  peer.OnAcknowledged(LogIndex(3));  // does not reach the entry before next
  EXPECT_EQ(peer.state, Progress::State::kProbe);
  EXPECT_TRUE(peer.probe_sent);
  peer.OnAcknowledged(LogIndex(4));
  EXPECT_EQ(peer.state, Progress::State::kReplicate);
  EXPECT_EQ(peer.match, LogIndex(4));
  EXPECT_EQ(peer.next, LogIndex(5));
}

TEST(ProgressTest, AnOldAnswerTakesNothingBack) {
  Progress peer = Replicating(7);
  peer.next = LogIndex(10);
  peer.OnAcknowledged(LogIndex(5));
  EXPECT_EQ(peer.match, LogIndex(7));
  EXPECT_EQ(peer.next, LogIndex(10));
}

TEST(ProgressTest, AnAnswerMayBeAheadOfWhatIsSentAgain) {
  Progress peer = Replicating(3);
  peer.BecomeProbe(LogIndex(4));
  peer.OnAcknowledged(LogIndex(9));
  EXPECT_EQ(peer.state, Progress::State::kReplicate);
  EXPECT_EQ(peer.next, LogIndex(10));
}

TEST(ProgressTest, ProbingForgetsTheStreamButNotTheMatch) {
  Progress peer = Replicating(7);
  peer.next = LogIndex(10);
  peer.inflights.Add(LogIndex(9), 100);
  peer.BecomeProbe(LogIndex(2));
  EXPECT_EQ(peer.state, Progress::State::kProbe);
  EXPECT_EQ(peer.next, LogIndex(8));
  EXPECT_TRUE(peer.inflights.empty());
  EXPECT_EQ(peer.inflights.bytes(), 0u);
  EXPECT_FALSE(peer.probe_sent);
}

TEST(ProgressTest, ASnapshotEndsWithWhatTheFollowerAcknowledges) {
  Progress peer;
  peer.next = LogIndex(30);
  peer.BecomeSnapshot(LogIndex(50));
  EXPECT_EQ(peer.state, Progress::State::kSnapshot);
  EXPECT_TRUE(peer.snapshot_due);
  // Late answers from before it.
  peer.OnAcknowledged(LogIndex(20));
  EXPECT_EQ(peer.state, Progress::State::kSnapshot);
  EXPECT_EQ(peer.match, LogIndex(20));
  peer.OnAcknowledged(LogIndex(50));
  EXPECT_EQ(peer.state, Progress::State::kReplicate);
  EXPECT_EQ(peer.next, LogIndex(51));
  EXPECT_FALSE(peer.snapshot_due);
}

}  // namespace
}  // namespace jaco::raft
