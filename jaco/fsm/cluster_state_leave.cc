// How nodes go: first somebody says that one is to leave, then the leader, when
// it is no member any more, that it is gone.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {

absl::StatusOr<std::string> ClusterState::LeaveNode(raft::LogIndex index) {
  const NodeLeave& leave = command_.node_leave();
  const absl::StatusOr<Node> node = LeaverOf(leave);
  if (!node.ok()) return node.status();
  if (node->leaving() == leave.leaving() ||
      node->leaving() == NODE_LEAVING_FORCED) {
    return node->SerializeAsString();
  }
  const bool leaves = leave.leaving() != NODE_LEAVING_NO;
  // A peer may be removed when all others are about to leave, and so may who
  // has not come yet: perhaps they cannot as long as it is there, and the last
  // one stays.
  const bool any_other =
      !leave.address().empty() || node->status() == NODE_STATUS_JOINING;
  const bool others_stay =
      std::any_of(nodes().begin(), nodes().end(), [&](const auto& other) {
        return other.first != leave.id() &&
               (any_other || other.second.leaving() == NODE_LEAVING_NO);
      });
  if (leaves && !others_stay) {
    return MakeError(ErrorCode::kConflict,
                     absl::StrCat("node \"", node->name(),
                                  "\" is the last one of the cluster"));
  }
  if (tables_.FindNode(leave.id()) == nullptr) PutNode(index, *node);
  Node changed = *tables_.FindNode(leave.id());
  changed.set_leaving(leave.leaving());
  changed.set_modify_index(index.value());
  std::string reply = tables_.PutNode(std::move(changed));
  const std::string& name = tables_.FindNode(leave.id())->name();
  if (leaves) Audit(index, AUDIT_TYPE_NODE_LEAVE, "hostname", name);
  return reply;
}

// The row of the node that is to leave. peers.json may have made somebody a
// member whom the table does not know: that one's is new.
absl::StatusOr<Node> ClusterState::LeaverOf(const NodeLeave& leave) const {
  const Node* known = tables_.FindNode(leave.id());
  if (known != nullptr) return *known;
  if (leave.address().empty() || leave.leaving() == NODE_LEAVING_NO) {
    return MakeError(ErrorCode::kNodeNotFound,
                     absl::StrCat("no node ", leave.id()));
  }
  Node node;
  node.set_id(leave.id());
  node.set_name(absl::StrCat(leave.id()));
  node.set_address(leave.address());
  node.set_status(NODE_STATUS_READY);
  if (absl::Status status = CheckNode(node); !status.ok()) return status;
  return node;
}

absl::StatusOr<std::string> ClusterState::NoteTransfer(raft::LogIndex index) {
  const uint64_t to = command_.leadership_transfer().to();
  if (to == 0) {
    return MakeError(ErrorCode::kValidationFailed, "node id is 0");
  }
  const Node* node = tables_.FindNode(to);
  Audit(index, AUDIT_TYPE_LEADERSHIP_TRANSFER, "to",
        node == nullptr ? absl::StrCat(to) : node->name());
  return std::string();
}

absl::StatusOr<std::string> ClusterState::RemoveNode(raft::LogIndex index) {
  const uint64_t id = command_.node_remove().id();
  const Node* node = tables_.FindNode(id);
  if (node == nullptr) {
    return MakeError(ErrorCode::kNodeNotFound, absl::StrCat("no node ", id));
  }
  const uint64_t expected = command_.node_remove().modify_index();
  if (expected != 0 && expected != node->modify_index()) {
    return MakeError(
        ErrorCode::kConflict,
        absl::StrCat("node \"", node->name(), "\" was modified at ",
                     node->modify_index(), ", not ", expected));
  }
  std::string reply = node->SerializeAsString();
  const std::string name = node->name();
  BuryNode(index, id);
  KeepTheLast(index);
  RaiseFeatureLevel();
  Audit(index, AUDIT_TYPE_NODE_REMOVE, "hostname", name);
  return reply;
}

void ClusterState::BuryNode(raft::LogIndex index, uint64_t id) {
  const Node& node = *tables_.FindNode(id);
  RemovedNode removed;
  removed.set_id(id);
  removed.set_name(node.name());
  removed.set_address(node.address());
  removed.set_removed_at_unix_ms(command_.time_unix_ms());
  removed.set_create_index(index.value());
  tables_.RemoveNode(id);
  ForgetRemoved();
  tables_.PutRemoved(std::move(removed));
}

// The one that was to stay may have gone in another way.
void ClusterState::KeepTheLast(raft::LogIndex index) {
  if (nodes().size() != 1) return;
  Node last = nodes().begin()->second;
  if (last.leaving() == NODE_LEAVING_NO) return;
  last.set_leaving(NODE_LEAVING_NO);
  last.set_modify_index(index.value());
  tables_.PutNode(std::move(last));
}

// Makes room for one more.
void ClusterState::ForgetRemoved() {
  const auto& removed = tables_.removed();
  if (removed.size() < kRemovedNodesMax) return;
  const auto oldest = std::min_element(
      removed.begin(), removed.end(), [](const auto& a, const auto& b) {
        return a.second.create_index() < b.second.create_index();
      });
  tables_.ForgetRemoved(oldest->first);
}

}  // namespace jaco::fsm
