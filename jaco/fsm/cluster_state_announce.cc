// What servers say of themselves: where they are and what their build can do;
// and the feature level of the cluster, which is the least of all.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/validate.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {

uint32_t ClusterState::feature_level() const {
  return tables_.cluster().has_value() ? tables_.cluster()->feature_level() : 0;
}

absl::Status ClusterState::CheckLevel(const std::string& name,
                                      uint32_t level) const {
  if (level >= feature_level()) return absl::OkStatus();
  return MakeError(
      ErrorCode::kConfigMismatch,
      absl::StrCat("the build of \"", name, "\" has feature level ", level,
                   ", the cluster is at ", feature_level(),
                   " already: it needs a newer jacod"));
}

absl::StatusOr<std::string> ClusterState::AnnounceNode(raft::LogIndex index) {
  const NodeAnnounce& announce = command_.node_announce();
  const Node* known = tables_.FindNode(announce.id());
  if (known == nullptr) {
    return MakeError(ErrorCode::kNodeNotFound,
                     absl::StrCat("no node ", announce.id()));
  }
  absl::Status status = ValidateAddress(announce.address());
  if (status.ok()) status = ValidateVersion(announce.version());
  if (status.ok()) {
    status = CheckLevel(known->name(), announce.feature_level());
  }
  if (!status.ok()) return status;
  Node node = *known;
  node.set_address(announce.address());
  node.set_version(announce.version());
  node.set_feature_level(announce.feature_level());
  node.set_authority_fingerprint(announce.authority_fingerprint());
  // Also when it says the same again: that is news to a new leader.
  node.set_announce_index(index.value());
  const bool moved = known->address() != node.address();
  const bool upgraded = known->version() != node.version() ||
                        known->feature_level() != node.feature_level();
  std::string reply = PutNode(index, std::move(node));
  const uint32_t before = feature_level();
  RaiseFeatureLevel();
  if (moved || upgraded) AuditAnnouncement(index, before);
  return reply;
}

void ClusterState::AuditAnnouncement(raft::LogIndex index,
                                     uint32_t level_before) {
  const NodeAnnounce& announce = command_.node_announce();
  std::string what =
      absl::StrCat(tables_.FindNode(announce.id())->name(), " @ ",
                   announce.address(), ", version ", announce.version(),
                   ", feature level ", announce.feature_level());
  if (feature_level() != level_before) {
    absl::StrAppend(&what, "; the cluster's is ", feature_level(), " now");
  }
  Audit(index, AUDIT_TYPE_NODE_ANNOUNCE, "node", what);
}

// Never lowered: what was used at a level may be in the log and the state.
void ClusterState::RaiseFeatureLevel() {
  if (!tables_.cluster().has_value() || tables_.nodes().empty()) return;
  uint32_t least = UINT32_MAX;
  for (const auto& [id, node] : tables_.nodes()) {
    least = std::min(least, node.feature_level());
  }
  if (least <= feature_level()) return;
  Cluster cluster = *tables_.cluster();
  cluster.set_feature_level(least);
  tables_.PutCluster(std::move(cluster));
}

}  // namespace jaco::fsm
