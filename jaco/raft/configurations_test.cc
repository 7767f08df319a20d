#include "jaco/raft/configurations.h"

#include "gtest/gtest.h"

namespace jaco::raft {
namespace {

Configuration Of(uint64_t node) { return {.voters = {NodeId(node)}}; }

TEST(ConfigurationsTest, TheLatestIsInForce) {
  Configurations configurations(LogIndex(0), Of(1));
  configurations.Append(LogIndex(3), Of(2));
  configurations.Append(LogIndex(7), Of(3));
  EXPECT_EQ(configurations.current(), Of(3));
  EXPECT_EQ(configurations.index(), LogIndex(7));
}

TEST(ConfigurationsTest, GoesWithTheEntryThatHoldsIt) {
  Configurations configurations(LogIndex(0), Of(1));
  configurations.Append(LogIndex(3), Of(2));
  configurations.Append(LogIndex(7), Of(3));
  configurations.TruncateFrom(LogIndex(8));
  EXPECT_EQ(configurations.current(), Of(3));
  configurations.TruncateFrom(LogIndex(7));
  EXPECT_EQ(configurations.current(), Of(2));
  configurations.TruncateFrom(LogIndex(1));
  EXPECT_EQ(configurations.current(), Of(1));
  EXPECT_EQ(configurations.index(), LogIndex(0));
}

TEST(ConfigurationsTest, CompactionKeepsTheOneInForce) {
  Configurations configurations(LogIndex(0), Of(1));
  configurations.Append(LogIndex(3), Of(2));
  configurations.Append(LogIndex(7), Of(3));
  EXPECT_EQ(configurations.At(LogIndex(2)), Of(1));
  EXPECT_EQ(configurations.At(LogIndex(3)), Of(2));
  EXPECT_EQ(configurations.At(LogIndex(9)), Of(3));
  configurations.CompactTo(LogIndex(6));
  EXPECT_EQ(configurations.At(LogIndex(6)), Of(2));
  configurations.TruncateFrom(LogIndex(7));
  EXPECT_EQ(configurations.current(), Of(2));
  configurations.CompactTo(LogIndex(6));
  EXPECT_EQ(configurations.current(), Of(2));
  configurations.Reset(LogIndex(20), Of(4));
  EXPECT_EQ(configurations.index(), LogIndex(20));
  EXPECT_EQ(configurations.current(), Of(4));
}

}  // namespace
}  // namespace jaco::raft
