#include "jaco/server/offline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jaco/base/error.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/describe.h"
#include "jaco/storage/read_only_file_system.h"
#include "jaco/storage/snapshot_store.h"
#include "jaco/storage/state_store.h"

namespace jaco::server {
namespace {

class Inspection {
 public:
  Inspection(env::FileSystem& files, const std::string& path)
      : fs_(files), path_(path) {}

  absl::StatusOr<OfflineServer> Run() {
    const std::string directory = absl::StrCat(path_, "/raft");
    const absl::StatusOr<bool> exists =
        storage::RaftLog::Exists(fs_, directory);
    if (!exists.ok()) return exists.status();
    if (!*exists) {
      return MakeError(ErrorCode::kNotFound,
                       absl::StrCat(directory, " holds no Raft log"));
    }
    auto log = storage::InspectLog(fs_, directory);
    if (!log.ok()) return log.status();
    result_.log = *std::move(log);
    result_.damage = result_.log.damage;
    ReadIdentity();
    FindConfiguration();
    ReadStore();
    ReadSnapshots();
    ApplyLog();
    return std::move(result_);
  }

 private:
  bool Damaged(const absl::Status& status) {
    if (!status.ok()) result_.damage.push_back(status);
    return !status.ok();
  }

  void ReadIdentity() {
    auto identity = storage::LoadIdentity(fs_, path_);
    if (!Damaged(identity.status())) result_.identity = *std::move(identity);
  }

  void FindConfiguration() {
    const storage::RecoveredLog& log = result_.log.log;
    result_.configuration = log.configuration;
    result_.configuration_index = log.log_start.index;
    for (const raft::EntryPtr& entry : log.entries) {
      if (entry->kind != raft::EntryKind::kConfiguration) continue;
      auto configuration = raft::DecodeConfiguration(entry->data);
      if (Damaged(configuration.status())) continue;
      result_.configuration = *std::move(configuration);
      result_.configuration_index = entry->id.index;
    }
  }

  void ReadStore() {
    const std::string directory = absl::StrCat(path_, "/state");
    const absl::StatusOr<bool> exists = fs_.Exists(directory);
    if (Damaged(exists.status()) || !*exists) return;
    auto stored = storage::ReadRocksDbState(fs_, directory);
    if (Damaged(stored.status())) return;
    std::vector<fsm::KeyValue> rows;
    for (storage::Row& row : stored->rows) {
      rows.emplace_back(std::move(row.key), std::move(row.value));
    }
    fsm::ClusterState state;
    if (Damaged(state.Load(rows, stored->applied))) return;
    result_.stored = stored->applied;
    result_.committed = stored->applied;
    result_.state = std::move(state);
  }

  void ReadSnapshots() {
    const storage::SnapshotStore store(absl::StrCat(path_, "/snapshots"));
    const auto found = store.List(fs_);
    if (Damaged(found.status())) return;
    for (const raft::EntryId& last : *found) {
      auto snapshot = store.Read(fs_, last);
      OfflineSnapshot& info = result_.snapshots.emplace_back();
      info.last = last;
      info.status = snapshot.status();
      if (Damaged(snapshot.status())) continue;
      info.bytes = snapshot->state.size();
      // One that the log does not know may not have been installed.
      if (last.index <= result_.committed || !LogReaches(last)) continue;
      fsm::ClusterState state;
      if (Damaged(state.RestoreSnapshot(snapshot->state))) continue;
      result_.state = std::move(state);
      result_.committed = last.index;
    }
  }

  bool LogReaches(const raft::EntryId& id) const {
    const storage::RecoveredLog& log = result_.log.log;
    if (id == log.log_start) return true;
    return std::any_of(log.entries.begin(), log.entries.end(),
                       [&](const auto& entry) { return entry->id == id; });
  }

  void ApplyLog() {
    fsm::ClusterState& state = result_.state;
    for (const raft::EntryPtr& entry : result_.log.log.entries) {
      const raft::LogIndex index = entry->id.index;
      if (index <= state.applied()) continue;
      if (index != state.applied().Next()) {
        Damaged(absl::DataLossError(
            absl::StrCat(path_, ": the log goes on at index ", index.value(),
                         ", and no readable state reaches that")));
        return;
      }
      if (entry->kind != raft::EntryKind::kCommand) {
        state.AdvanceTo(index);
      } else if (Damaged(state.Apply(index, entry->data).status())) {
        return;
      }
    }
  }

  storage::ReadOnlyFileSystem fs_;
  const std::string& path_;
  OfflineServer result_;
};

std::string Quoted(const std::string& name) {
  return absl::StrCat("\"", name, "\"");
}

std::string SummarizeCommand(const fsm::Command& command) {
  switch (command.payload_case()) {
    case fsm::Command::kClusterInit:
      return absl::StrCat(
          "init cluster ", command.cluster_init().cluster_id(), " with nodes ",
          absl::StrJoin(command.cluster_init().nodes(), ", ",
                        [](std::string* out, const fsm::Node& node) {
                          absl::StrAppend(out, node.name());
                        }));
    case fsm::Command::kTokenIssue:
      return absl::StrCat("issue token of ",
                          Quoted(command.token_issue().identity()));
    case fsm::Command::kTokenRevoke:
      return absl::StrCat("revoke token of ",
                          Quoted(command.token_revoke().identity()));
    case fsm::Command::kNodeUpsert: {
      const fsm::Node& node = command.node_upsert().node();
      return absl::StrCat("node ", node.id(), " is ", Quoted(node.name()),
                          " @ ", node.address(), " ",
                          fsm::NodeStatus_Name(node.status()));
    }
    case fsm::Command::kNodeRemove:
      return absl::StrCat("remove node ", command.node_remove().id());
    case fsm::Command::kNodeLeave:
      return absl::StrCat(
          "node ", command.node_leave().id(), ": ",
          fsm::NodeLeaving_Name(command.node_leave().leaving()));
    case fsm::Command::kNodeStatusSet:
      return absl::StrCat(
          "node ", command.node_status_set().id(), " becomes ",
          fsm::NodeStatus_Name(command.node_status_set().status()));
    case fsm::Command::kAutopilotSet:
      return "set autopilot configuration";
    case fsm::Command::kAuthoritiesReplace:
      return absl::StrCat(command.authorities_replace().authorities_size(),
                          " certificate authorities");
    case fsm::Command::kJoinTokenIssue:
      return absl::StrCat("issue join token for ",
                          command.join_token_issue().node_name().empty()
                              ? "any node"
                              : Quoted(command.join_token_issue().node_name()));
    case fsm::Command::kNodeJoin: {
      const fsm::Node& node = command.node_join().node();
      return absl::StrCat("node ", node.id(), ", ", Quoted(node.name()), " @ ",
                          node.address(), ", joins");
    }
    case fsm::Command::kStateRestore: {
      const fsm::RestorePiece& piece = command.state_restore().piece();
      return absl::StrCat("restore state, ", piece.data().size(), " bytes at ",
                          piece.offset(), " of ", piece.total());
    }
    case fsm::Command::kArchiveTake:
      return absl::StrCat("take ",
                          fsm::ArchiveKind_Name(command.archive_take().kind()));
    case fsm::Command::kNodeAnnounce: {
      const fsm::NodeAnnounce& announce = command.node_announce();
      return absl::StrCat("node ", announce.id(), " @ ", announce.address(),
                          " runs ", announce.version(), ", feature level ",
                          announce.feature_level());
    }
    case fsm::Command::kUserSet:
      return absl::StrCat("set password of ",
                          Quoted(command.user_set().user().name()));
    case fsm::Command::kUserRemove:
      return absl::StrCat("remove user ", Quoted(command.user_remove().name()));
    case fsm::Command::kLeadershipTransfer:
      return absl::StrCat("hand leadership over to node ",
                          command.leadership_transfer().to());
    case fsm::Command::PAYLOAD_NOT_SET:
      break;
  }
  return "a command of a newer version";
}

std::string SummarizeConfiguration(const raft::Entry& entry) {
  const auto configuration = raft::DecodeConfiguration(entry.data);
  return configuration.ok() ? raft::Describe(*configuration)
                            : "a configuration that cannot be read";
}

}  // namespace

absl::StatusOr<OfflineServer> InspectOffline(env::FileSystem& files,
                                             const std::string& path) {
  return Inspection(files, path).Run();
}

std::string Summarize(const raft::Entry& entry) {
  if (entry.kind == raft::EntryKind::kNoop) return "a leader's first entry";
  if (entry.kind == raft::EntryKind::kConfiguration) {
    return SummarizeConfiguration(entry);
  }
  fsm::Command command;
  if (!command.ParseFromString(entry.data)) {
    return "a command that cannot be read";
  }
  return absl::StrCat(SummarizeCommand(command), ", by ",
                      Quoted(command.identity()));
}

}  // namespace jaco::server
