// jaco's own state machine: cluster metadata, nodes, operator tokens,
// autopilot configuration, audit log.
//
// command.proto says what each command does and when it is refused, validate.h
// what names may be, cluster_tables.h what the rows are. The reply to a command
// is the serialised entity that it was about: the Cluster, the Token, the
// AutopilotConfig, the Node (as removed for NodeRemove). A refused command
// changes nothing but applied().

#ifndef JACO_FSM_CLUSTER_STATE_H_
#define JACO_FSM_CLUSTER_STATE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/cluster_tables.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/feature.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {

// Nomad's: 200 ms, 250 entries, 10 s, clean-up on, no least number of voters.
AutopilotConfig DefaultAutopilotConfig();

class ClusterState final : public StateMachine {
 public:
  // The audit log keeps this many events, the newest.
  static constexpr size_t kAuditEventsMax = ClusterTables::kAuditEventsMax;
  // Of those that are not expired.
  static constexpr size_t kJoinTokensMax = 1'000;
  // No longer than this is a join token good.
  static constexpr int64_t kJoinTokenLifeMaxMs = int64_t{7} * 24 * 3600 * 1000;
  // So much may one leader's clock be behind that of the one before.
  static constexpr int64_t kClockDifferenceMaxMs = 5 * 60 * 1000;
  // So much may the clock that dates a new certificate authority differ from
  // the leader's: less than certificates are valid before they are made.
  static constexpr uint64_t kAuthorityClockErrorMaxMs = 2 * 60 * 1000;
  // How long an expired join token is remembered, to say so.
  static constexpr int64_t kJoinTokenMemoryMs = int64_t{7} * 24 * 3600 * 1000;
  // How long a revoked operator token is remembered, to say so and to keep its
  // identity from another.
  static constexpr int64_t kRevokedTokenMemoryMs =
      int64_t{90} * 24 * 3600 * 1000;
  static constexpr size_t kUsersMax = 1'000;
  // Of a snapshot that comes in pieces.
  static constexpr uint64_t kRestoreBytesMax = uint64_t{256} << 20;
  // The newest of them. No clock has a say in it: their certificates may be
  // valid yet.
  static constexpr size_t kRemovedNodesMax = 1'000;

  // The same on every server of a cluster; tests make them small.
  struct Limits {
    size_t revoked_tokens = 1'000;  // the newest; at least 1
  };

  explicit ClusterState(Limits limits) : limits_(limits) {}
  ClusterState() : ClusterState(Limits()) {}

  // The last piece of a restore is refused as Apply would refuse it.
  absl::StatusOr<std::string> Prepare(absl::string_view command,
                                      int64_t time_unix_ms) const override;
  // kFailedPrecondition for bytes that are no Command, and for a Command with
  // a payload, a field or a value of an enum that this build does not know: a
  // newer build would do something with it. The state is then unchanged.
  absl::StatusOr<ApplyResult> Apply(raft::LogIndex index,
                                    absl::string_view command) override;
  void AdvanceTo(raft::LogIndex index) override;
  raft::LogIndex applied() const override { return applied_; }
  Digest digest() const override { return tables_.rows().digest(); }
  std::vector<RowEdit> TakeRowEdits() override { return tables_.TakeEdits(); }
  // The state is unchanged after an error.
  absl::Status Load(const std::vector<KeyValue>& rows,
                    raft::LogIndex applied) override;
  Snapshot TakeSnapshot() const override;
  absl::Status RestoreSnapshot(absl::string_view snapshot) override;

  // Tells whether a StateRestore of a snapshot would be carried out in the
  // state of this moment: the errors of that command, and kUnimplemented for
  // what this build does not know. The check takes time; it may run on any
  // thread, and outlive the state.
  using RestoreCheck = std::function<absl::Status(absl::string_view snapshot)>;
  RestoreCheck CheckRestore() const;
  // Makes the state, which is a backup's, that of a cluster which begins anew
  // at `index` with `node` alone, whose id is new: other nodes are removed ones
  // and join tokens are forgotten. Errors: cluster_uninitialized,
  // config_mismatch, validation_failed; it is then unspecified.
  absl::Status BeginAnew(raft::LogIndex index, const Node& node,
                         int64_t time_unix_ms);

  // Queries. References live until the next non-const call.
  const std::optional<Cluster>& cluster() const { return tables_.cluster(); }
  const std::map<uint64_t, Node>& nodes() const {  // by id
    return tables_.nodes();
  }
  // Nodes that are gone, by id.
  const std::map<uint64_t, RemovedNode>& removed() const {
    return tables_.removed();
  }
  // nullopt: never set.
  const std::optional<AutopilotConfig>& autopilot() const {
    return tables_.autopilot();
  }
  const std::map<std::string, Token>& tokens() const {  // by identity
    return tables_.tokens();
  }
  const std::map<std::string, JoinToken>& join_tokens() const {  // by hash
    return tables_.join_tokens();
  }
  const std::map<std::string, User>& users() const {  // by name
    return tables_.users();
  }
  const std::deque<AuditEvent>& audit() const { return tables_.audit(); }
  // What every server of the cluster can do. It only ever rises.
  uint32_t feature_level() const;
  bool Has(Feature feature) const {
    return feature_level() >= static_cast<uint32_t>(feature);
  }
  // The token whose hash (lower-case hex SHA-256 of its text) is `hash`.
  const Token* FindTokenByHash(absl::string_view hash) const {
    return tables_.FindTokenByHash(hash);
  }

 private:
  // Each carries out `command_` or refuses it. The reply, or an error of the
  // closed set.
  absl::StatusOr<std::string> Execute(raft::LogIndex index);
  absl::StatusOr<std::string> InitCluster(raft::LogIndex index);
  absl::StatusOr<std::string> IssueToken(raft::LogIndex index);
  absl::StatusOr<std::string> RevokeToken(raft::LogIndex index);
  absl::StatusOr<std::string> UpsertNode(raft::LogIndex index);
  absl::StatusOr<std::string> SetNodeStatus(raft::LogIndex index);
  absl::StatusOr<std::string> SetAutopilot(raft::LogIndex index);
  absl::StatusOr<std::string> ReplaceAuthorities(raft::LogIndex index);

  // cluster_state_leave.cc.
  absl::StatusOr<std::string> LeaveNode(raft::LogIndex index);
  absl::StatusOr<Node> LeaverOf(const NodeLeave& leave) const;
  absl::StatusOr<std::string> NoteTransfer(raft::LogIndex index);
  absl::StatusOr<std::string> RemoveNode(raft::LogIndex index);
  // Makes a node a removed one.
  void BuryNode(raft::LogIndex index, uint64_t id);
  void ForgetRemoved();
  void KeepTheLast(raft::LogIndex index);

  // cluster_state_announce.cc.
  absl::StatusOr<std::string> AnnounceNode(raft::LogIndex index);
  absl::Status CheckLevel(const std::string& name, uint32_t level) const;
  void AuditAnnouncement(raft::LogIndex index, uint32_t level_before);
  void RaiseFeatureLevel();

  // cluster_state_join.cc.
  absl::StatusOr<std::string> IssueJoinToken(raft::LogIndex index);
  absl::StatusOr<std::string> JoinNode(raft::LogIndex index);
  absl::StatusOr<const JoinToken*> CheckJoinToken(const NodeJoin& join) const;
  absl::Status CheckGood(const JoinToken& token) const;
  void ForgetJoinTokens();

  // cluster_state_users.cc.
  absl::StatusOr<std::string> SetUser(raft::LogIndex index);
  absl::StatusOr<std::string> RemoveUser(raft::LogIndex index);
  std::string PutUser(raft::LogIndex index, User user);

  // cluster_state_archive.cc.
  absl::StatusOr<std::string> TakeArchive(raft::LogIndex index);
  absl::StatusOr<std::string> RestoreState(raft::LogIndex index);
  absl::Status CheckPiece(const RestorePiece& piece) const;
  // What the state becomes by the piece, or nothing if it is not the last.
  absl::StatusOr<std::optional<ClusterTables>> Restored(
      const RestorePiece& piece) const;
  // What a snapshot is merged with, or nothing without a cluster.
  struct RestoreBase {
    std::optional<Cluster> cluster;
    uint32_t feature_level = 0;
    std::vector<SharedRow> rows;
  };
  RestoreBase TakeRestoreBase() const;
  static absl::StatusOr<ClusterTables> Merge(const RestoreBase& base,
                                             absl::string_view snapshot);

  // Whether the token or the node may be added to what is there.
  absl::Status CheckNewToken(const std::string& identity,
                             absl::string_view hash) const;
  absl::Status CheckNode(const Node& node) const;
  absl::Status CheckInit(const ClusterInit& init) const;

  std::string AddToken(raft::LogIndex index, const std::string& identity,
                       const std::string& hash, bool allow_privileged);
  bool MayForget(const Token& token) const;
  void ForgetRevokedTokens();
  std::string PutNode(raft::LogIndex index, Node node);
  void Audit(raft::LogIndex index, AuditType type, absl::string_view key,
             const std::string& value);

  Limits limits_;
  raft::LogIndex applied_;
  ClusterTables tables_;
  // The command that Apply is about; a member, so that its memory is reused.
  Command command_;
};

}  // namespace jaco::fsm

#endif  // JACO_FSM_CLUSTER_STATE_H_
