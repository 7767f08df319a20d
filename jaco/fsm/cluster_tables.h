// ClusterState's data: typed tables, and the same as a set of rows, one for
// each entity; docs/formats.md has their keys. A value is the serialised
// protobuf. Keys and values are part of the digest and of the durable format:
// never change either for an entity that exists.

#ifndef JACO_FSM_CLUSTER_TABLES_H_
#define JACO_FSM_CLUSTER_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/row_set.h"
#include "jaco/fsm/state_machine.h"

namespace jaco::fsm {

class ClusterTables {
 public:
  static constexpr size_t kAuditEventsMax = 10'000;

  ClusterTables() = default;
  // token_by_hash_ points into tokens_: a move keeps that, a copy would not.
  ClusterTables(ClusterTables&&) = default;
  ClusterTables& operator=(ClusterTables&&) = default;

  const std::optional<Cluster>& cluster() const { return cluster_; }
  // nullopt: never set.
  const std::optional<AutopilotConfig>& autopilot() const { return autopilot_; }
  const std::map<uint64_t, Node>& nodes() const { return nodes_; }
  const std::map<uint64_t, RemovedNode>& removed() const { return removed_; }
  const std::map<std::string, Token>& tokens() const { return tokens_; }
  const std::map<std::string, JoinToken>& join_tokens() const {
    return join_tokens_;
  }
  const std::map<std::string, User>& users() const { return users_; }
  const std::deque<AuditEvent>& audit() const { return audit_; }
  // Of a snapshot that is not whole yet, by offset.
  const std::map<uint64_t, RestorePiece>& restore_pieces() const {
    return restore_pieces_;
  }
  // Null when there is none.
  const Node* FindNode(uint64_t id) const;
  const Node* FindNodeByName(absl::string_view name) const;
  const Token* FindToken(const std::string& identity) const;
  // The one whose revocation is the oldest; null when none is revoked.
  const Token* FirstRevokedToken() const;
  size_t revoked_tokens() const { return revoked_tokens_.size(); }
  const Token* FindTokenByHash(absl::string_view hash) const;
  const JoinToken* FindJoinToken(const std::string& hash) const;
  const User* FindUser(const std::string& name) const;

  // These add an entity or replace it, and return its serialised form, which
  // lives until the next non-const call. The caller has made sure that no other
  // entity has the node's name or the token's hash.
  const std::string& PutCluster(Cluster cluster);
  const std::string& PutAutopilot(AutopilotConfig config);
  const std::string& PutNode(Node node);
  const std::string& PutRemoved(RemovedNode node);
  const std::string& PutToken(Token token);
  const std::string& PutJoinToken(JoinToken token);
  const std::string& PutUser(User user);
  void PutRestorePiece(RestorePiece piece);
  // The caller has made sure that it exists.
  void RemoveNode(uint64_t id);
  void ForgetRemoved(uint64_t id);
  void RemoveJoinToken(const std::string& hash);
  void RemoveToken(const std::string& identity);
  void RemoveUser(const std::string& name);
  void ClearRestorePieces();
  // `event.index()` is above that of every earlier event. The oldest goes when
  // there would be more than kAuditEventsMax.
  void AppendAudit(AuditEvent event);

  // All of it, as it is stored.
  const RowSet& rows() const { return rows_; }
  std::vector<RowEdit> TakeEdits() { return rows_.TakeEdits(); }

  // Makes `next`, which has no edits of its own, the content of these tables;
  // the edits are those that turn the old rows into the new.
  void ReplaceBy(ClusterTables next);

  // Tables with just these rows, and no edits. Error: kDataLoss for rows that
  // are not those of any tables.
  static absl::StatusOr<ClusterTables> FromRows(std::vector<KeyValue> rows);

 private:
  void Index(const Token& token);
  void Unindex(const Token& token);
  template <typename Entity>
  absl::Status LoadAs(const KeyValue& row);
  absl::Status LoadRow(const KeyValue& row);
  // These put without recording, for LoadRow.
  absl::Status Insert(Cluster cluster);
  absl::Status Insert(AutopilotConfig config);
  absl::Status Insert(Node node);
  absl::Status Insert(RemovedNode node);
  absl::Status Insert(Token token);
  absl::Status Insert(JoinToken token);
  absl::Status Insert(User user);
  absl::Status Insert(AuditEvent event);
  absl::Status Insert(RestorePiece piece);

  std::optional<Cluster> cluster_;
  std::optional<AutopilotConfig> autopilot_;
  std::map<uint64_t, Node> nodes_;
  std::map<uint64_t, RemovedNode> removed_;
  std::map<std::string, JoinToken> join_tokens_;
  std::map<std::string, Token> tokens_;
  std::map<std::string, User> users_;
  // Only ever looked up: its order reaches nobody.
  absl::flat_hash_map<absl::string_view, const Token*> token_by_hash_;
  // Index of the revocation, identity.
  std::set<std::pair<uint64_t, std::string>> revoked_tokens_;
  std::deque<AuditEvent> audit_;
  std::map<uint64_t, RestorePiece> restore_pieces_;
  RowSet rows_;
};

}  // namespace jaco::fsm

#endif  // JACO_FSM_CLUSTER_TABLES_H_
