#include "jaco/fsm/cluster_tables.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/base/hash.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/state_machine.h"

namespace jaco::fsm {
namespace {

std::string HexKey(absl::string_view prefix, uint64_t number) {
  return absl::StrCat(prefix, absl::Hex(number, absl::kZeroPad16));
}

std::string KeyOf(const Cluster&) { return "c"; }
std::string KeyOf(const AutopilotConfig&) { return "o/autopilot"; }
std::string KeyOf(const Node& node) { return HexKey("n/", node.id()); }
std::string KeyOf(const Token& token) {
  return absl::StrCat("t/", token.identity());
}
std::string KeyOf(const AuditEvent& event) {
  return HexKey("a/", event.index());
}

template <typename Entity>
KeyValue RowOf(const Entity& entity) {
  return {KeyOf(entity), entity.SerializeAsString()};
}

unsigned __int128 RowHash(absl::string_view key, absl::string_view value) {
  const Hash128 hash = Murmur3(value, Murmur3(key));
  return (static_cast<unsigned __int128>(hash.high) << 64) | hash.low;
}

absl::Status BadRow(absl::string_view key, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("row \"", absl::CHexEscape(key), "\": ", why));
}

// The edits that turn `before` into `after`; both ascend by key.
void AppendDifference(const std::vector<KeyValue>& before,
                      const std::vector<KeyValue>& after,
                      std::vector<RowEdit>* edits) {
  auto old_row = before.begin();
  auto new_row = after.begin();
  while (old_row != before.end() || new_row != after.end()) {
    if (new_row == after.end() ||
        (old_row != before.end() && old_row->first < new_row->first)) {
      edits->emplace_back(old_row->first, std::nullopt);
      ++old_row;
      continue;
    }
    const bool replaces =
        old_row != before.end() && old_row->first == new_row->first;
    if (!replaces || old_row->second != new_row->second) {
      edits->emplace_back(new_row->first, new_row->second);
    }
    if (replaces) ++old_row;
    ++new_row;
  }
}

}  // namespace

const Node* ClusterTables::FindNode(uint64_t id) const {
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : &it->second;
}

const Node* ClusterTables::FindNodeByName(absl::string_view name) const {
  const auto it = std::find_if(nodes_.begin(), nodes_.end(),
                               [name](const auto& id_and_node) {
                                 return id_and_node.second.name() == name;
                               });
  return it == nodes_.end() ? nullptr : &it->second;
}

const Token* ClusterTables::FindToken(const std::string& identity) const {
  const auto it = tokens_.find(identity);
  return it == tokens_.end() ? nullptr : &it->second;
}

const Token* ClusterTables::FindTokenByHash(absl::string_view hash) const {
  const auto it = token_by_hash_.find(hash);
  return it == token_by_hash_.end() ? nullptr : it->second;
}

const std::string& ClusterTables::PutCluster(Cluster cluster) {
  const std::string& value =
      RecordPut(cluster, cluster_.has_value() ? &*cluster_ : nullptr);
  cluster_ = std::move(cluster);
  return value;
}

const std::string& ClusterTables::PutAutopilot(AutopilotConfig config) {
  const std::string& value =
      RecordPut(config, autopilot_.has_value() ? &*autopilot_ : nullptr);
  autopilot_ = std::move(config);
  return value;
}

const std::string& ClusterTables::PutNode(Node node) {
  const std::string& value = RecordPut(node, FindNode(node.id()));
  const uint64_t id = node.id();
  nodes_.insert_or_assign(id, std::move(node));
  return value;
}

const std::string& ClusterTables::PutToken(Token token) {
  const auto [it, added] = tokens_.try_emplace(token.identity());
  Token& stored = it->second;
  const std::string& value = RecordPut(token, added ? nullptr : &stored);
  if (!added) token_by_hash_.erase(stored.hash());
  stored = std::move(token);
  token_by_hash_.emplace(stored.hash(), &stored);
  return value;
}

void ClusterTables::RemoveNode(uint64_t id) {
  const auto it = nodes_.find(id);
  JACO_CHECK_MSG(it != nodes_.end(), "node ", id);
  RecordRemove(it->second);
  nodes_.erase(it);
}

void ClusterTables::AppendAudit(AuditEvent event) {
  JACO_CHECK(audit_.empty() || audit_.back().index() < event.index());
  if (audit_.size() == kAuditEventsMax) {
    RecordRemove(audit_.front());
    audit_.pop_front();
  }
  RecordPut<AuditEvent>(event, nullptr);
  audit_.push_back(std::move(event));
}

template <typename Entity>
const std::string& ClusterTables::RecordPut(const Entity& entity,
                                            const Entity* replaced) {
  KeyValue row = RowOf(entity);
  if (replaced != nullptr) {
    sum_ -= RowHash(row.first, replaced->SerializeAsString());
  }
  sum_ += RowHash(row.first, row.second);
  edits_.emplace_back(std::move(row.first), std::move(row.second));
  return *edits_.back().second;
}

template <typename Entity>
void ClusterTables::RecordRemove(const Entity& entity) {
  KeyValue row = RowOf(entity);
  sum_ -= RowHash(row.first, row.second);
  edits_.emplace_back(std::move(row.first), std::nullopt);
}

Digest ClusterTables::digest() const {
  return {.high = static_cast<uint64_t>(sum_ >> 64),
          .low = static_cast<uint64_t>(sum_)};
}

std::vector<RowEdit> ClusterTables::TakeEdits() {
  return std::exchange(edits_, {});
}

std::vector<KeyValue> ClusterTables::Rows() const {
  std::vector<KeyValue> rows;
  rows.reserve(audit_.size() + 2 + nodes_.size() + tokens_.size());
  for (const AuditEvent& event : audit_) rows.push_back(RowOf(event));
  if (cluster_.has_value()) rows.push_back(RowOf(*cluster_));
  for (const auto& [id, node] : nodes_) rows.push_back(RowOf(node));
  if (autopilot_.has_value()) rows.push_back(RowOf(*autopilot_));
  for (const auto& [identity, token] : tokens_) rows.push_back(RowOf(token));
  return rows;
}

void ClusterTables::ReplaceBy(ClusterTables next) {
  JACO_CHECK(next.edits_.empty());
  std::vector<RowEdit> edits = TakeEdits();
  AppendDifference(Rows(), next.Rows(), &edits);
  *this = std::move(next);
  edits_ = std::move(edits);
}

absl::StatusOr<ClusterTables> ClusterTables::FromRows(
    const std::vector<KeyValue>& rows) {
  ClusterTables tables;
  const KeyValue* previous = nullptr;
  for (const KeyValue& row : rows) {
    if (previous != nullptr && previous->first >= row.first) {
      return BadRow(row.first, "out of order");
    }
    previous = &row;
    if (absl::Status status = tables.LoadRow(row); !status.ok()) return status;
    tables.sum_ += RowHash(row.first, row.second);
  }
  return tables;
}

absl::Status ClusterTables::LoadRow(const KeyValue& row) {
  switch (row.first.empty() ? '\0' : row.first[0]) {
    case 'a':
      return LoadAs<AuditEvent>(row);
    case 'c':
      return LoadAs<Cluster>(row);
    case 'n':
      return LoadAs<Node>(row);
    case 'o':
      return LoadAs<AutopilotConfig>(row);
    case 't':
      return LoadAs<Token>(row);
    default:
      return BadRow(row.first, "of no table");
  }
}

template <typename Entity>
absl::Status ClusterTables::LoadAs(const KeyValue& row) {
  const auto& [key, value] = row;
  Entity entity;
  if (value.size() > std::numeric_limits<int>::max() ||
      !entity.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return BadRow(key, "does not parse");
  }
  if (KeyOf(entity) != key) return BadRow(key, "holds another's value");
  // The digest is of the bytes, so there may be only one spelling of them.
  if (!entity.GetReflection()->GetUnknownFields(entity).empty() ||
      entity.SerializeAsString() != value) {
    return BadRow(key, "is not as this build writes it");
  }
  return Insert(std::move(entity));
}

absl::Status ClusterTables::Insert(Cluster cluster) {
  cluster_ = std::move(cluster);
  return absl::OkStatus();
}

absl::Status ClusterTables::Insert(AutopilotConfig config) {
  autopilot_ = std::move(config);
  return absl::OkStatus();
}

absl::Status ClusterTables::Insert(Node node) {
  if (const Node* other = FindNodeByName(node.name())) {
    return BadRow(KeyOf(node),
                  absl::StrCat("node ", other->id(), " has the same name"));
  }
  const uint64_t id = node.id();
  nodes_.emplace(id, std::move(node));
  return absl::OkStatus();
}

absl::Status ClusterTables::Insert(Token token) {
  if (const Token* other = FindTokenByHash(token.hash())) {
    return BadRow(KeyOf(token), absl::StrCat("token of \"", other->identity(),
                                             "\" has the same hash"));
  }
  const auto it = tokens_.emplace(token.identity(), std::move(token)).first;
  token_by_hash_.emplace(it->second.hash(), &it->second);
  return absl::OkStatus();
}

absl::Status ClusterTables::Insert(AuditEvent event) {
  if (audit_.size() == kAuditEventsMax) {
    return BadRow(KeyOf(event),
                  absl::StrCat("more than ", kAuditEventsMax, " audit events"));
  }
  audit_.push_back(std::move(event));
  return absl::OkStatus();
}

}  // namespace jaco::fsm
