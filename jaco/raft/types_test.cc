#include "jaco/raft/types.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::raft {
namespace {

using ::testing::ElementsAre;

TEST(EntryIdTest, HigherTermThenLengthIsMoreUpToDate) {
  const EntryId mine{Term(2), LogIndex(5)};
  EXPECT_TRUE(AtLeastAsUpToDate({Term(2), LogIndex(5)}, mine));
  EXPECT_TRUE(AtLeastAsUpToDate({Term(2), LogIndex(6)}, mine));
  EXPECT_TRUE(AtLeastAsUpToDate({Term(3), LogIndex(1)}, mine));
  EXPECT_FALSE(AtLeastAsUpToDate({Term(2), LogIndex(4)}, mine));
  EXPECT_FALSE(AtLeastAsUpToDate({Term(1), LogIndex(9)}, mine));
}

TEST(ConfigurationTest, MembersOfAllListsOnce) {
  const Configuration configuration{.voters = {NodeId(1), NodeId(4)},
                                    .outgoing = {NodeId(1), NodeId(2)},
                                    .learners = {NodeId(3)}};
  EXPECT_TRUE(configuration.IsJoint());
  EXPECT_THAT(configuration.Members(),
              ElementsAre(NodeId(1), NodeId(2), NodeId(3), NodeId(4)));
  EXPECT_TRUE(configuration.IsVoter(NodeId(2)));
  EXPECT_TRUE(configuration.IsVoter(NodeId(4)));
  EXPECT_FALSE(configuration.IsVoter(NodeId(3)));
  EXPECT_TRUE(configuration.Contains(NodeId(3)));
  EXPECT_FALSE(configuration.Contains(NodeId(5)));
  EXPECT_FALSE(configuration.Contains(kNoNode));
}

}  // namespace
}  // namespace jaco::raft
