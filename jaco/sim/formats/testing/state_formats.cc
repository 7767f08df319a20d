#include <google/protobuf/text_format.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "jaco/base/check.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/cluster_tables.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/row_set.h"
#include "jaco/fsm/snapshot.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/types.h"
#include "jaco/sim/formats/testing/format.h"
#include "jaco/storage/applied_row.h"

namespace jaco::formats {
namespace {

using raft::LogIndex;

constexpr size_t kVersionAt = 8;

Format StateFormat() {
  const std::vector<fsm::KeyValue> rows = {{"key", "value"}, {"more", ""}};
  std::vector<fsm::SharedRow> shared;
  for (const fsm::KeyValue& row : rows) {
    shared.push_back(std::make_shared<const fsm::KeyValue>(row));
  }
  return {.name = "state",
          .bytes = fsm::EncodeSnapshot(LogIndex(41), shared),
          .read =
              [rows](absl::string_view bytes) {
                const auto read = fsm::DecodeSnapshot(bytes);
                if (!read.ok()) return read.status();
                return CheckEqual(read->applied == LogIndex(41) &&
                                  read->rows == rows);
              },
          .make_newer = IncrementChecked(kVersionAt)};
}

template <typename Entity>
Entity Parse(const std::string& text) {
  Entity entity;
  JACO_CHECK(google::protobuf::TextFormat::ParseFromString(text, &entity));
  return entity;
}

void PutMembers(fsm::ClusterTables& tables) {
  tables.PutCluster(Parse<fsm::Cluster>(R"(
      id: "cluster" name: "demo" created_at_unix_ms: 1700000000001
      create_index: 1
      authorities {
        certificate: "ca" sealed_key: "sealed" cross_certificate: "cross"
      }
      modify_index: 2 feature_level: 3)"));
  tables.PutNode(Parse<fsm::Node>(R"(
      id: 0xabcdef name: "node-7" address: "10.0.0.7:7001"
      status: NODE_STATUS_READY joined_at_unix_ms: 1700000000002
      create_index: 4 modify_index: 5 certificate_fingerprint: "fe"
      leaving: NODE_LEAVING_YES version: "1.2.3" feature_level: 3
      authority_fingerprint: "af" announce_index: 6)"));
  tables.PutRemoved(Parse<fsm::RemovedNode>(R"(
      id: 8 name: "node-8" address: "10.0.0.8:7001"
      removed_at_unix_ms: 1700000000003 create_index: 9)"));
  tables.PutAutopilot(Parse<fsm::AutopilotConfig>(R"(
      cleanup_dead_servers: true last_contact_threshold_ns: 200000000
      max_trailing_logs: 250 server_stabilization_time_ns: 10000000000
      min_quorum: 3 create_index: 10 modify_index: 11)"));
}

void PutOperators(fsm::ClusterTables& tables) {
  tables.PutToken(Parse<fsm::Token>(R"(
      identity: "alice" hash: "a1" allow_privileged: true
      issued_at_unix_ms: 1700000000004 revoked_at_unix_ms: 1700000000005
      create_index: 12 modify_index: 13)"));
  tables.PutJoinToken(Parse<fsm::JoinToken>(R"(
      hash: "b2" issued_at_unix_ms: 1700000000006
      expires_at_unix_ms: 1700000000007 node_name: "node-7"
      consumed_by: 0xabcdef create_index: 14 modify_index: 15)"));
  tables.PutUser(Parse<fsm::User>(R"(
      name: "bob" salt: "salt" passes: 3 memory_kib: 65536
      stored_key: "stored" server_key: "server"
      create_index: 16 modify_index: 17)"));
  tables.PutRestorePiece(Parse<fsm::RestorePiece>(R"(
      restore_id: "restore" offset: 16 total: 32 data: "piece")"));
  tables.AppendAudit(Parse<fsm::AuditEvent>(R"(
      index: 18 type: AUDIT_TYPE_TOKEN_ISSUE time_unix_ms: 1700000000008
      identity: "local" details { key: "identity" value: "alice" })"));
}

// A row of every table, with every field that it may have.
Format RowsFormat() {
  fsm::ClusterTables tables;
  PutMembers(tables);
  PutOperators(tables);
  return {.name = "state-rows",
          .bytes = fsm::EncodeSnapshot(LogIndex(41), tables.rows().Capture()),
          .read =
              [digest = tables.rows().digest()](absl::string_view bytes) {
                fsm::ClusterState state;
                absl::Status status = state.RestoreSnapshot(bytes);
                if (!status.ok()) return status;
                return CheckEqual(state.applied() == LogIndex(41) &&
                                  state.digest() == digest);
              },
          .make_newer = IncrementChecked(kVersionAt)};
}

Format AppliedRowFormat() {
  return {.name = "applied-row",
          .bytes = storage::EncodeAppliedRow(LogIndex(41)),
          .read =
              [](absl::string_view bytes) {
                const auto read = storage::DecodeAppliedRow(bytes, "state");
                return read.ok() ? CheckEqual(*read == LogIndex(41))
                                 : read.status();
              },
          .make_newer = [](std::string* bytes) { ++(*bytes)[kVersionAt]; }};
}

}  // namespace

std::vector<Format> StateFormats() {
  return {StateFormat(), RowsFormat(), AppliedRowFormat()};
}

}  // namespace jaco::formats
