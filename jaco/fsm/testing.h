// Commands for tests, and a store for the rows.

#ifndef JACO_FSM_TESTING_H_
#define JACO_FSM_TESTING_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/types.h"

namespace jaco::fsm::testing {

inline constexpr int64_t kTimeUnixMs = 1'700'000'000'000;

// The n-th token hash.
inline std::string Hash(uint64_t n) { return absl::StrFormat("%064x", n); }

inline Node NodeNamed(uint64_t id, const std::string& name) {
  Node node;
  node.set_id(id);
  node.set_name(name);
  node.set_address(absl::StrCat("10.0.0.", id, ":7001"));
  node.set_status(NODE_STATUS_READY);
  return node;
}

inline Command FromLocal() {
  Command command;
  command.set_time_unix_ms(kTimeUnixMs);
  command.set_identity("local");
  return command;
}

// Cluster c-1 with node 1 (node-1) and token hash 0.
inline Command Init() {
  Command command = FromLocal();
  ClusterInit& init = *command.mutable_cluster_init();
  init.set_cluster_id("c-1");
  init.set_cluster_name("prod");
  init.set_token_hash(Hash(0));
  *init.add_nodes() = NodeNamed(1, "node-1");
  return command;
}

inline Command Issue(const std::string& identity, uint64_t hash) {
  Command command = FromLocal();
  command.mutable_token_issue()->set_identity(identity);
  command.mutable_token_issue()->set_token_hash(Hash(hash));
  return command;
}

inline Command Revoke(const std::string& identity) {
  Command command = FromLocal();
  command.mutable_token_revoke()->set_identity(identity);
  return command;
}

inline Command Upsert(uint64_t id, const std::string& name) {
  Command command = FromLocal();
  *command.mutable_node_upsert()->mutable_node() = NodeNamed(id, name);
  return command;
}

inline Command Remove(uint64_t id) {
  Command command = FromLocal();
  command.mutable_node_remove()->set_id(id);
  return command;
}

inline Command SetStatus(uint64_t id, NodeStatus status) {
  Command command = FromLocal();
  command.mutable_node_status_set()->set_id(id);
  command.mutable_node_status_set()->set_status(status);
  return command;
}

// To what holds anyway.
inline Command SetAutopilot() {
  Command command = FromLocal();
  *command.mutable_autopilot_set()->mutable_config() = DefaultAutopilotConfig();
  return command;
}

// Applies `command` at the next index.
inline ApplyResult ApplyNext(StateMachine& machine, const Command& command) {
  auto result =
      machine.Apply(machine.applied().Next(), command.SerializeAsString());
  JACO_CHECK_MSG(result.ok(), result.status().ToString());
  return *std::move(result);
}

// Rows as a durable store would keep them.
class RowStore {
 public:
  // Makes the changes that wait in `machine`.
  void Take(StateMachine& machine) {
    for (auto& [key, value] : machine.TakeRowEdits()) {
      if (value.has_value()) {
        rows_[key] = *std::move(value);
      } else {
        JACO_CHECK_MSG(rows_.erase(key) == 1, key);
      }
    }
  }
  std::vector<KeyValue> Rows() const { return {rows_.begin(), rows_.end()}; }

 private:
  std::map<std::string, std::string> rows_;
};

}  // namespace jaco::fsm::testing

#endif  // JACO_FSM_TESTING_H_
