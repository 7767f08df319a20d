// Backups and snapshots that leave the cluster, and come back.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/cluster_tables.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/snapshot.h"
#include "jaco/fsm/validate.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {
namespace {

// What belongs to the cluster that runs, not to what it keeps: who it is and
// whom it trusts, its servers, who may become one and who is none any more, and
// what was done to it.
bool StaysInRestore(absl::string_view key) {
  return key == "c" || absl::StartsWith(key, "n/") ||
         absl::StartsWith(key, "j/") || absl::StartsWith(key, "a/") ||
         absl::StartsWith(key, "r/");
}

// Of a snapshot that was not whole.
bool IsPiece(absl::string_view key) { return absl::StartsWith(key, "p/"); }

absl::Status NoCluster() {
  return MakeError(ErrorCode::kClusterUninitialized,
                   "there is no cluster whose state to restore");
}

absl::Status NoSnapshot(const absl::Status& why) {
  return MakeError(ErrorCode::kValidationFailed, why.message());
}

}  // namespace

absl::StatusOr<std::string> ClusterState::TakeArchive(raft::LogIndex index) {
  const ArchiveKind kind = command_.archive_take().kind();
  if (kind == ARCHIVE_KIND_UNSPECIFIED) {
    return MakeError(ErrorCode::kValidationFailed, "no kind of archive");
  }
  Audit(index,
        kind == ARCHIVE_KIND_BACKUP ? AUDIT_TYPE_BACKUP_TAKEN
                                    : AUDIT_TYPE_SNAPSHOT_SAVED,
        "snapshot_index", absl::StrCat(index.value()));
  return std::string();
}

absl::StatusOr<std::string> ClusterState::RestoreState(raft::LogIndex index) {
  const RestorePiece& piece = command_.state_restore().piece();
  absl::StatusOr<std::optional<ClusterTables>> restored = Restored(piece);
  if (!restored.ok()) return restored.status();
  if (restored->has_value()) {
    tables_.ReplaceBy(**std::move(restored));
    Audit(index, AUDIT_TYPE_SNAPSHOT_RESTORED, "restore_id",
          piece.restore_id());
    return std::string();
  }
  if (piece.offset() == 0) tables_.ClearRestorePieces();
  if (piece.total() > 0) tables_.PutRestorePiece(piece);
  return std::string();
}

absl::StatusOr<std::optional<ClusterTables>> ClusterState::Restored(
    const RestorePiece& piece) const {
  if (absl::Status status = CheckPiece(piece); !status.ok()) return status;
  const bool last = piece.offset() + piece.data().size() == piece.total();
  if (!last || piece.total() == 0) return std::nullopt;
  std::string snapshot;
  if (piece.offset() > 0) {
    snapshot.reserve(piece.total());
    for (const auto& [offset, earlier] : tables_.restore_pieces()) {
      snapshot += earlier.data();
    }
  }
  snapshot += piece.data();
  return Merge(TakeRestoreBase(), snapshot);
}

absl::Status ClusterState::CheckPiece(const RestorePiece& piece) const {
  if (!tables_.cluster().has_value()) {
    return NoCluster();
  }
  if (absl::Status status = ValidateName("restore id", piece.restore_id());
      !status.ok()) {
    return status;
  }
  if (piece.total() > kRestoreBytesMax || piece.offset() > piece.total() ||
      piece.data().size() > piece.total() - piece.offset() ||
      (piece.data().empty() && piece.total() > 0)) {
    return MakeError(ErrorCode::kValidationFailed,
                     "no such piece of a snapshot can be");
  }
  const auto& pieces = tables_.restore_pieces();
  // A restore that gives up does not speak for another.
  const bool may_begin =
      piece.total() > 0 || pieces.empty() ||
      pieces.begin()->second.restore_id() == piece.restore_id();
  if (piece.offset() == 0 && may_begin) return absl::OkStatus();
  if (piece.offset() > 0 && !pieces.empty()) {
    const RestorePiece& last = pieces.rbegin()->second;
    if (last.restore_id() == piece.restore_id() &&
        last.total() == piece.total() &&
        last.offset() + last.data().size() == piece.offset()) {
      return absl::OkStatus();
    }
  }
  return MakeError(ErrorCode::kConflict,
                   "another restore has begun, or this one was cut off");
}

ClusterState::RestoreCheck ClusterState::CheckRestore() const {
  return [base = TakeRestoreBase()](absl::string_view snapshot) {
    if (snapshot.size() > kRestoreBytesMax) {
      return MakeError(ErrorCode::kTooLarge,
                       absl::StrCat("a snapshot of ", snapshot.size(),
                                    " bytes, the limit is ", kRestoreBytesMax));
    }
    return base.cluster.has_value() ? Merge(base, snapshot).status()
                                    : NoCluster();
  };
}

ClusterState::RestoreBase ClusterState::TakeRestoreBase() const {
  return {tables_.cluster(), feature_level(), tables_.rows().Capture()};
}

// An error of the closed set is every server's verdict. kUnimplemented is this
// build's: the checksum is right, but the content is not as it knows it.
absl::StatusOr<ClusterTables> ClusterState::Merge(const RestoreBase& base,
                                                  absl::string_view snapshot) {
  absl::StatusOr<SnapshotContent> content = DecodeSnapshot(snapshot);
  if (absl::IsFailedPrecondition(content.status())) {
    return absl::UnimplementedError(content.status().message());
  }
  if (!content.ok()) return NoSnapshot(content.status());
  std::vector<KeyValue> rows;
  std::string cluster_row;
  for (KeyValue& row : content->rows) {
    if (row.first == "c") cluster_row = std::move(row.second);
    if (!StaysInRestore(row.first) && !IsPiece(row.first)) {
      rows.push_back(std::move(row));
    }
  }
  Cluster cluster;
  if (!cluster.ParseFromString(cluster_row) ||
      cluster.id() != base.cluster->id()) {
    return MakeError(ErrorCode::kConfigMismatch,
                     "the snapshot is of another cluster");
  }
  // Of what came after the backup that this cluster was restored from.
  if (cluster.feature_level() > base.feature_level) {
    return MakeError(
        ErrorCode::kConfigMismatch,
        absl::StrCat("the snapshot is of feature level ",
                     cluster.feature_level(), ", the cluster is at ",
                     base.feature_level, ": upgrade all servers"));
  }
  for (const SharedRow& row : base.rows) {
    if (StaysInRestore(row->first)) rows.push_back(*row);
  }
  std::sort(rows.begin(), rows.end());
  absl::StatusOr<ClusterTables> tables =
      ClusterTables::FromRows(std::move(rows));
  if (tables.ok()) return tables;
  return absl::UnimplementedError(tables.status().message());
}

absl::Status ClusterState::BeginAnew(raft::LogIndex index, const Node& node,
                                     int64_t time_unix_ms) {
  if (!tables_.cluster().has_value()) {
    return MakeError(ErrorCode::kClusterUninitialized,
                     "the backup holds no cluster");
  }
  if (absl::Status status = CheckLevel(node.name(), node.feature_level());
      !status.ok()) {
    return status;
  }
  command_.Clear();
  command_.set_identity("system");
  command_.set_time_unix_ms(time_unix_ms);
  tables_.ClearRestorePieces();
  // They may still run, with certificates that are good.
  while (!tables_.nodes().empty()) {
    BuryNode(index, tables_.nodes().begin()->first);
  }
  while (!tables_.join_tokens().empty()) {
    tables_.RemoveJoinToken(std::string(tables_.join_tokens().begin()->first));
  }
  if (absl::Status status = CheckNode(node); !status.ok()) return status;
  const raft::LogIndex from = applied_;
  AdvanceTo(index);
  PutNode(index, node);
  RaiseFeatureLevel();
  Audit(index, AUDIT_TYPE_RESTORE_COMPLETED, "snapshot_index",
        absl::StrCat(from.value()));
  return absl::OkStatus();
}

}  // namespace jaco::fsm
