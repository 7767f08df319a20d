// jaco's own state machine: cluster metadata, nodes, operator tokens, audit
// log.

#ifndef JACO_FSM_CLUSTER_STATE_H_
#define JACO_FSM_CLUSTER_STATE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {

class ClusterState final : public StateMachine {
public:
  // The audit log keeps this many events, the newest.
  static constexpr size_t kAuditEventsMax = 10'000;

  absl::StatusOr<ApplyResult> Apply(raft::LogIndex index,
                                    absl::string_view command) override;
  void AdvanceTo(raft::LogIndex index) override;
  raft::LogIndex applied() const override { return applied_; }
  Digest digest() const override { return digest_; }
  std::vector<RowEdit> TakeRowEdits() override;
  absl::Status Load(const std::vector<KeyValue> &rows,
                    raft::LogIndex applied) override;
  std::string TakeSnapshot() const override;
  absl::Status RestoreSnapshot(absl::string_view snapshot) override;

  // Queries. References live until the next non-const call.
  const std::optional<Cluster> &cluster() const { return cluster_; }
  const std::map<uint64_t, Node> &nodes() const { return nodes_; } // by id
  const std::map<std::string, Token> &tokens() const { return tokens_; }
  const std::deque<AuditEvent> &audit() const { return audit_; }
  // The token whose hash (lower-case hex SHA-256 of its text) is `hash`.
  const Token *FindTokenByHash(absl::string_view hash) const;
};

} // namespace jaco::fsm

#endif // JACO_FSM_CLUSTER_STATE_H_
