#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/testing.h"

namespace jaco::fsm {
namespace {

class ClusterStateLeaveTest : public ::testing::Test {
 protected:
  ClusterStateLeaveTest() {
    EXPECT_EQ(Do(testing::Init()), "ok");
    EXPECT_EQ(Do(testing::Upsert(2, "node-2")), "ok");
  }

  // "ok", or the code of what refused it.
  std::string Do(const Command& command) {
    const Digest before = state_.digest();
    const ApplyResult result = testing::ApplyNext(state_, command);
    if (result.status.ok()) return "ok";
    EXPECT_EQ(state_.digest(), before) << "refused, and changed something";
    return std::string(ErrorCodeName(CodeOf(result.status)));
  }
  std::string Leave(uint64_t id, NodeLeaving leaving) {
    Command command = testing::FromLocal();
    command.mutable_node_leave()->set_id(id);
    command.mutable_node_leave()->set_leaving(leaving);
    return Do(command);
  }

  ClusterState state_;
};

TEST_F(ClusterStateLeaveTest, AMemberThatTheTableDoesNotKnow) {
  Command command = testing::FromLocal();
  NodeLeave& leave = *command.mutable_node_leave();
  leave.set_id(7);
  leave.set_leaving(NODE_LEAVING_YES);
  EXPECT_EQ(Do(command), "node_not_found");
  leave.set_address("not an address");
  EXPECT_EQ(Do(command), "validation_failed");
  leave.set_address("10.0.0.7:7001");
  EXPECT_EQ(Do(command), "ok");
  EXPECT_EQ(state_.nodes().at(7).name(), "7");
  EXPECT_EQ(state_.nodes().at(7).leaving(), NODE_LEAVING_YES);
  EXPECT_EQ(state_.audit().back().details(0).value(), "7");
  EXPECT_EQ(Do(testing::Remove(7)), "ok");
  EXPECT_EQ(state_.removed().at(7).address(), "10.0.0.7:7001");
  // Refused: nothing stays behind.
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(Do(testing::Remove(2)), "ok");
  EXPECT_EQ(Leave(1, NODE_LEAVING_YES), "conflict");
}

// A leader that was not answered decides it again, and the first one may come
// through late.
TEST_F(ClusterStateLeaveTest, OnlyTheRowThatWasMeantIsRemoved) {
  Command remove = testing::Remove(2);
  remove.mutable_node_remove()->set_modify_index(
      state_.nodes().at(2).modify_index());
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(Do(remove), "conflict");
  remove.mutable_node_remove()->set_modify_index(
      state_.nodes().at(2).modify_index());
  EXPECT_EQ(Do(remove), "ok");
  EXPECT_FALSE(state_.nodes().contains(2));
}

TEST_F(ClusterStateLeaveTest, WhoAskedForATransferIsWrittenDown) {
  Command command = testing::FromLocal();
  command.set_identity("alice");
  command.mutable_leadership_transfer()->set_to(0);
  EXPECT_EQ(Do(command), "validation_failed");
  command.mutable_leadership_transfer()->set_to(2);
  EXPECT_EQ(Do(command), "ok");
  const AuditEvent& event = state_.audit().back();
  EXPECT_EQ(event.type(), AUDIT_TYPE_LEADERSHIP_TRANSFER);
  EXPECT_EQ(event.identity(), "alice");
  EXPECT_EQ(event.details(0).value(), "node-2");
}

TEST_F(ClusterStateLeaveTest, ANodeLeavesAndIsRemembered) {
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(state_.nodes().at(2).leaving(), NODE_LEAVING_YES);
  EXPECT_EQ(state_.audit().back().type(), AUDIT_TYPE_NODE_LEAVE);
  const Digest once = state_.digest();
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(state_.digest(), once);
  // What else is said of it does not keep it.
  EXPECT_EQ(Do(testing::SetStatus(2, NODE_STATUS_JOINING)), "ok");
  EXPECT_EQ(Do(testing::Upsert(2, "node-2")), "ok");
  EXPECT_EQ(state_.nodes().at(2).leaving(), NODE_LEAVING_YES);

  EXPECT_EQ(Do(testing::Remove(2)), "ok");
  EXPECT_FALSE(state_.nodes().contains(2));
  EXPECT_EQ(state_.removed().at(2).name(), "node-2");
  EXPECT_EQ(state_.removed().at(2).address(), "10.0.0.2:7001");
  EXPECT_EQ(Do(testing::Remove(2)), "node_not_found");
  // The same id once more is a node like any other.
  EXPECT_EQ(Do(testing::Upsert(2, "node-2")), "ok");
  EXPECT_FALSE(state_.removed().contains(2));
}

TEST_F(ClusterStateLeaveTest, ItIsTakenBackUnlessForced) {
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(Leave(2, NODE_LEAVING_NO), "ok");
  EXPECT_EQ(state_.nodes().at(2).leaving(), NODE_LEAVING_NO);
  EXPECT_EQ(Leave(2, NODE_LEAVING_FORCED), "ok");
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(Leave(2, NODE_LEAVING_NO), "ok");
  EXPECT_EQ(state_.nodes().at(2).leaving(), NODE_LEAVING_FORCED);
}

TEST_F(ClusterStateLeaveTest, SomebodyStays) {
  EXPECT_EQ(Leave(7, NODE_LEAVING_YES), "node_not_found");
  EXPECT_EQ(Leave(1, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "conflict");
  EXPECT_EQ(Leave(2, NODE_LEAVING_FORCED), "conflict");
  EXPECT_EQ(Do(testing::Remove(1)), "ok");
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "conflict");
}

// The other cannot leave for want of an heir.
TEST_F(ClusterStateLeaveTest, WhoHasNotComeYetMayBeRemoved) {
  EXPECT_EQ(Do(testing::SetStatus(2, NODE_STATUS_JOINING)), "ok");
  EXPECT_EQ(Leave(1, NODE_LEAVING_FORCED), "ok");
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(Do(testing::Remove(2)), "ok");
  EXPECT_EQ(state_.nodes().at(1).leaving(), NODE_LEAVING_NO);
  EXPECT_EQ(Do(testing::SetStatus(1, NODE_STATUS_JOINING)), "ok");
  EXPECT_EQ(Leave(1, NODE_LEAVING_YES), "conflict");
}

TEST_F(ClusterStateLeaveTest, TheLastOneDoesNotLeave) {
  EXPECT_EQ(Leave(1, NODE_LEAVING_FORCED), "ok");
  EXPECT_EQ(Do(testing::Remove(2)), "ok");
  EXPECT_EQ(state_.nodes().at(1).leaving(), NODE_LEAVING_NO);
}

TEST_F(ClusterStateLeaveTest, TheOldestAreForgotten) {
  const uint64_t many = ClusterState::kRemovedNodesMax + 10;
  for (uint64_t i = 0; i < many; ++i) {
    const uint64_t id = 10'000 - i;
    ASSERT_EQ(Do(testing::Upsert(id, absl::StrCat("n", id))), "ok");
    ASSERT_EQ(Do(testing::Remove(id)), "ok");
  }
  EXPECT_EQ(state_.removed().size(), ClusterState::kRemovedNodesMax);
  EXPECT_FALSE(state_.removed().contains(10'000));
  EXPECT_TRUE(state_.removed().contains(10'000 - many + 1));
}

// Their certificates may be valid yet.
TEST_F(ClusterStateLeaveTest, NoClockMakesThemForgotten) {
  EXPECT_EQ(Do(testing::Upsert(3, "node-3")), "ok");
  EXPECT_EQ(Do(testing::Remove(3)), "ok");
  Command late = testing::Remove(2);
  late.set_time_unix_ms(10 * testing::kTimeUnixMs);
  EXPECT_EQ(Do(late), "ok");
  EXPECT_TRUE(state_.removed().contains(3));
  EXPECT_TRUE(state_.removed().contains(2));
}

TEST_F(ClusterStateLeaveTest, RowsKeepAllOfIt) {
  EXPECT_EQ(Leave(2, NODE_LEAVING_YES), "ok");
  EXPECT_EQ(Do(testing::Upsert(3, "node-3")), "ok");
  EXPECT_EQ(Do(testing::Remove(3)), "ok");
  testing::RowStore store;
  store.Take(state_);
  ClusterState loaded;
  ASSERT_TRUE(loaded.Load(store.Rows(), state_.applied()).ok());
  EXPECT_EQ(loaded.digest(), state_.digest());
  EXPECT_EQ(loaded.removed().size(), 1u);
  EXPECT_EQ(loaded.nodes().at(2).leaving(), NODE_LEAVING_YES);
}

}  // namespace
}  // namespace jaco::fsm
