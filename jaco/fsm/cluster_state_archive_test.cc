// Snapshots that come back through the log, piece by piece.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/testing.h"

namespace jaco::fsm {
namespace {

using testing::FromLocal;
using testing::Hash;
using testing::Init;
using testing::Issue;
using testing::NodeNamed;

Command Piece(const std::string& id, absl::string_view snapshot,
              uint64_t offset, uint64_t size) {
  Command command = FromLocal();
  RestorePiece& piece = *command.mutable_state_restore()->mutable_piece();
  piece.set_restore_id(id);
  piece.set_offset(offset);
  piece.set_total(snapshot.size());
  piece.set_data(std::string(snapshot.substr(offset, size)));
  return command;
}

class ArchiveTest : public ::testing::Test {
 protected:
  std::string Apply(const Command& command) { return ApplyTo(state_, command); }
  std::string ApplyTo(ClusterState& state, const Command& command) {
    const auto result =
        state.Apply(state.applied().Next(), command.SerializeAsString());
    if (!result.ok()) return "stop";
    return result->status.ok()
               ? "ok"
               : std::string(ErrorCodeName(CodeOf(result->status)));
  }

  ClusterState state_;
};

TEST_F(ArchiveTest, PiecesMakeAWhole) {
  EXPECT_EQ(Apply(Piece("r", "x", 0, 1)), "cluster_uninitialized");
  Apply(Init());
  Apply(Issue("kept", 1));
  const std::string snapshot = state_.TakeSnapshot()();
  Apply(Issue("later", 2));
  Command upsert = FromLocal();
  *upsert.mutable_node_upsert()->mutable_node() = NodeNamed(2, "node-2");
  Apply(upsert);
  const size_t audited = state_.audit().size();
  EXPECT_TRUE(state_.CheckRestore()(snapshot).ok());
  ClusterState follower;
  for (uint64_t offset = 0; offset < snapshot.size(); offset += 50) {
    EXPECT_EQ(state_.tokens().count("later"), 1u);
    EXPECT_EQ(Apply(Piece("r", snapshot, offset, 50)), "ok");
    // A server that gets a snapshot meanwhile is no worse off.
    if (offset == 100) {
      ASSERT_TRUE(follower.RestoreSnapshot(state_.TakeSnapshot()()).ok());
    } else if (offset > 100) {
      ApplyTo(follower, Piece("r", snapshot, offset, 50));
    }
  }
  EXPECT_EQ(state_.digest(), follower.digest());
  EXPECT_EQ(state_.tokens().count("later"), 0u);
  EXPECT_EQ(state_.tokens().count("kept"), 1u);
  EXPECT_EQ(state_.FindTokenByHash(Hash(2)), nullptr);
  EXPECT_EQ(state_.nodes().size(), 2u);
  EXPECT_EQ(state_.audit().size(), audited + 1);
  EXPECT_EQ(state_.audit().back().type(), AUDIT_TYPE_SNAPSHOT_RESTORED);
  // Nothing of the pieces is left.
  ClusterState reloaded;
  ASSERT_TRUE(reloaded.RestoreSnapshot(state_.TakeSnapshot()()).ok());
  EXPECT_EQ(Apply(Piece("r", snapshot, 50, 50)), "conflict");
}

// Who was removed since stays so, whoever was a node then.
TEST_F(ArchiveTest, RemovedNodesStayRemoved) {
  Apply(Init());
  Command upsert = FromLocal();
  *upsert.mutable_node_upsert()->mutable_node() = NodeNamed(2, "node-2");
  Apply(upsert);
  const std::string snapshot = state_.TakeSnapshot()();
  Command remove = FromLocal();
  remove.mutable_node_remove()->set_id(2);
  ASSERT_EQ(Apply(remove), "ok");
  ASSERT_EQ(Apply(Piece("a", snapshot, 0, snapshot.size())), "ok");
  EXPECT_EQ(state_.nodes().count(2), 0u);
  EXPECT_EQ(state_.removed().count(2), 1u);
}

TEST_F(ArchiveTest, ASnapshotOfAHigherLevelIsRefused) {
  Apply(Init());
  ClusterState ahead;
  ApplyTo(ahead, Init());
  for (const auto& [id, node] : state_.nodes()) {
    Command announce = FromLocal();
    announce.mutable_node_announce()->set_id(id);
    announce.mutable_node_announce()->set_address(node.address());
    announce.mutable_node_announce()->set_version("1.0.0");
    announce.mutable_node_announce()->set_feature_level(2);
    ASSERT_EQ(ApplyTo(ahead, announce), "ok");
  }
  ASSERT_EQ(ahead.feature_level(), 2u);
  const std::string later = ahead.TakeSnapshot()();
  EXPECT_EQ(Apply(Piece("a", later, 0, later.size())), "config_mismatch");
  // The level stays that of the cluster.
  const std::string earlier = state_.TakeSnapshot()();
  EXPECT_EQ(ApplyTo(ahead, Piece("a", earlier, 0, earlier.size())), "ok");
  EXPECT_EQ(ahead.feature_level(), 2u);
  // A build that is too old does not begin such a cluster anew.
  EXPECT_EQ(
      CodeOf(ahead.BeginAnew(raft::LogIndex(99), NodeNamed(9, "node-9"), 5)),
      ErrorCode::kConfigMismatch);
}

TEST_F(ArchiveTest, PiecesThatDoNotFollowAreRefused) {
  Apply(Init());
  const std::string snapshot = state_.TakeSnapshot()();
  const Digest clean = state_.digest();
  EXPECT_EQ(Apply(Piece("a", snapshot, 50, 50)), "conflict");
  EXPECT_EQ(Apply(Piece("", snapshot, 0, 50)), "validation_failed");
  EXPECT_EQ(Apply(Piece("a", snapshot, 0, 0)), "validation_failed");
  Command beyond = Piece("a", snapshot, 0, 50);
  beyond.mutable_state_restore()->mutable_piece()->set_total(49);
  EXPECT_EQ(Apply(beyond), "validation_failed");
  beyond.mutable_state_restore()->mutable_piece()->set_total(
      ClusterState::kRestoreBytesMax + 1);
  EXPECT_EQ(Apply(beyond), "validation_failed");
  beyond.mutable_state_restore()->mutable_piece()->set_offset(~uint64_t{0});
  EXPECT_EQ(Apply(beyond), "validation_failed");
  EXPECT_EQ(state_.digest(), clean);

  EXPECT_EQ(Apply(Piece("a", snapshot, 0, 50)), "ok");
  EXPECT_EQ(Apply(Piece("a", snapshot, 51, 50)), "conflict");
  EXPECT_EQ(Apply(Piece("b", snapshot, 50, 50)), "conflict");
  EXPECT_EQ(Apply(Piece("a", snapshot + "x", 50, 50)), "conflict");
  EXPECT_EQ(Apply(Piece("a", snapshot, 50, 50)), "ok");
  // The next one begins anew; an empty one only forgets.
  EXPECT_EQ(Apply(Piece("b", snapshot, 0, 50)), "ok");
  EXPECT_EQ(Apply(Piece("a", snapshot, 100, 50)), "conflict");
  EXPECT_EQ(Apply(Piece("a", "", 0, 0)), "conflict");
  EXPECT_EQ(Apply(Piece("b", "", 0, 0)), "ok");
  EXPECT_EQ(Apply(Piece("b", "", 0, 0)), "ok");
  EXPECT_EQ(state_.digest(), clean);
}

TEST_F(ArchiveTest, WhatIsNoSnapshotOfThisClusterIsRefused) {
  Apply(Init());
  const std::string own = state_.TakeSnapshot()();
  ClusterState stranger;
  Command other = Init();
  other.mutable_cluster_init()->set_cluster_id("c-2");
  ApplyTo(stranger, other);
  const std::string strange = stranger.TakeSnapshot()();
  const Digest before = state_.digest();
  EXPECT_EQ(Apply(Piece("a", strange, 0, strange.size())), "config_mismatch");
  EXPECT_EQ(Apply(Piece("a", "rubbish", 0, 7)), "validation_failed");
  std::string changed = own;
  changed[own.size() / 2] ^= 1;
  EXPECT_EQ(Apply(Piece("a", changed, 0, own.size())), "validation_failed");
  EXPECT_EQ(state_.digest(), before);
  // Of a later build: no verdict that others would share.
  std::string later = own;
  later[8] = 2;
  const Command last = Piece("a", later, 0, own.size());
  EXPECT_EQ(Apply(last), "stop");
  EXPECT_EQ(CodeOf(state_.Prepare(last.SerializeAsString(), 1).status()),
            ErrorCode::kConfigMismatch);
  EXPECT_TRUE(absl::IsUnimplemented(state_.CheckRestore()(later)));
}

TEST_F(ArchiveTest, ArchivesLeaveATrace) {
  Apply(Init());
  Command take = FromLocal();
  take.mutable_archive_take();
  EXPECT_EQ(Apply(take), "validation_failed");
  take.mutable_archive_take()->set_kind(ARCHIVE_KIND_BACKUP);
  EXPECT_EQ(Apply(take), "ok");
  EXPECT_EQ(state_.audit().back().type(), AUDIT_TYPE_BACKUP_TAKEN);
  EXPECT_EQ(state_.audit().back().identity(), "local");
  take.mutable_archive_take()->set_kind(ARCHIVE_KIND_SNAPSHOT);
  EXPECT_EQ(Apply(take), "ok");
  EXPECT_EQ(state_.audit().back().type(), AUDIT_TYPE_SNAPSHOT_SAVED);
  take.mutable_archive_take()->set_kind(static_cast<ArchiveKind>(9));
  EXPECT_EQ(Apply(take), "stop");
}

TEST_F(ArchiveTest, AClusterBeginsAnew) {
  const raft::LogIndex later(1000);
  EXPECT_EQ(CodeOf(state_.BeginAnew(later, NodeNamed(9, "node-9"), 5)),
            ErrorCode::kClusterUninitialized);
  Apply(Init());
  Apply(Issue("kept", 1));
  Command join = FromLocal();
  join.mutable_join_token_issue()->set_token_hash(Hash(5));
  join.mutable_join_token_issue()->set_life_ms(1000);
  EXPECT_EQ(Apply(join), "ok");
  Apply(Piece("a", "abc", 0, 1));
  const auto before = state_.nodes();
  ASSERT_FALSE(before.empty());
  ASSERT_TRUE(state_.BeginAnew(later, NodeNamed(9, "node-9"), 5).ok());
  EXPECT_EQ(state_.applied(), later);
  ASSERT_EQ(state_.nodes().size(), 1u);
  EXPECT_EQ(state_.nodes().at(9).joined_at_unix_ms(), 5);
  for (const auto& [id, node] : before) {
    ASSERT_EQ(state_.removed().count(id), 1u) << id;
    EXPECT_EQ(state_.removed().at(id).address(), node.address());
    EXPECT_EQ(state_.removed().at(id).removed_at_unix_ms(), 5);
  }
  EXPECT_TRUE(state_.join_tokens().empty());
  EXPECT_EQ(state_.tokens().size(), 2u);
  EXPECT_EQ(state_.audit().back().type(), AUDIT_TYPE_RESTORE_COMPLETED);
  ClusterState reloaded;
  EXPECT_TRUE(reloaded.RestoreSnapshot(state_.TakeSnapshot()()).ok());
  EXPECT_EQ(reloaded.digest(), state_.digest());
}

}  // namespace
}  // namespace jaco::fsm
