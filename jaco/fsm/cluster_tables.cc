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
std::string KeyOf(const RemovedNode& node) { return HexKey("r/", node.id()); }
std::string KeyOf(const Token& token) {
  return absl::StrCat("t/", token.identity());
}
std::string KeyOf(const JoinToken& token) {
  return absl::StrCat("j/", token.hash());
}
std::string KeyOf(const User& user) { return absl::StrCat("u/", user.name()); }
std::string KeyOf(const AuditEvent& event) {
  return HexKey("a/", event.index());
}
std::string KeyOf(const RestorePiece& piece) {
  return HexKey("p/", piece.offset());
}

absl::Status BadRow(absl::string_view key, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("row \"", absl::CHexEscape(key), "\": ", why));
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

const Token* ClusterTables::FirstRevokedToken() const {
  return revoked_tokens_.empty() ? nullptr
                                 : &tokens_.at(revoked_tokens_.begin()->second);
}

const JoinToken* ClusterTables::FindJoinToken(const std::string& hash) const {
  const auto it = join_tokens_.find(hash);
  return it == join_tokens_.end() ? nullptr : &it->second;
}

const User* ClusterTables::FindUser(const std::string& name) const {
  const auto it = users_.find(name);
  return it == users_.end() ? nullptr : &it->second;
}

const std::string& ClusterTables::PutCluster(Cluster cluster) {
  cluster_ = std::move(cluster);
  return rows_.Put(KeyOf(*cluster_), cluster_->SerializeAsString());
}

const std::string& ClusterTables::PutAutopilot(AutopilotConfig config) {
  autopilot_ = std::move(config);
  return rows_.Put(KeyOf(*autopilot_), autopilot_->SerializeAsString());
}

const std::string& ClusterTables::PutNode(Node node) {
  const std::string& value = rows_.Put(KeyOf(node), node.SerializeAsString());
  const uint64_t id = node.id();
  nodes_.insert_or_assign(id, std::move(node));
  return value;
}

const std::string& ClusterTables::PutRemoved(RemovedNode node) {
  const std::string& value = rows_.Put(KeyOf(node), node.SerializeAsString());
  const uint64_t id = node.id();
  removed_.insert_or_assign(id, std::move(node));
  return value;
}

// `token` is where it stays.
void ClusterTables::Index(const Token& token) {
  token_by_hash_.emplace(token.hash(), &token);
  if (token.revoked_at_unix_ms() != 0) {
    revoked_tokens_.emplace(token.modify_index(), token.identity());
  }
}

void ClusterTables::Unindex(const Token& token) {
  token_by_hash_.erase(token.hash());
  revoked_tokens_.erase({token.modify_index(), token.identity()});
}

const std::string& ClusterTables::PutToken(Token token) {
  const auto [it, added] = tokens_.try_emplace(token.identity());
  Token& stored = it->second;
  if (!added) Unindex(stored);
  stored = std::move(token);
  Index(stored);
  return rows_.Put(KeyOf(stored), stored.SerializeAsString());
}

const std::string& ClusterTables::PutJoinToken(JoinToken token) {
  const std::string& value = rows_.Put(KeyOf(token), token.SerializeAsString());
  const std::string hash = token.hash();
  join_tokens_.insert_or_assign(hash, std::move(token));
  return value;
}

const std::string& ClusterTables::PutUser(User user) {
  const std::string& value = rows_.Put(KeyOf(user), user.SerializeAsString());
  const std::string name = user.name();
  users_.insert_or_assign(name, std::move(user));
  return value;
}

void ClusterTables::RemoveUser(const std::string& name) {
  const auto it = users_.find(name);
  JACO_CHECK(it != users_.end());
  rows_.Remove(KeyOf(it->second));
  users_.erase(it);
}

void ClusterTables::PutRestorePiece(RestorePiece piece) {
  rows_.Put(KeyOf(piece), piece.SerializeAsString());
  const uint64_t offset = piece.offset();
  restore_pieces_.insert_or_assign(offset, std::move(piece));
}

void ClusterTables::ClearRestorePieces() {
  for (const auto& [offset, piece] : restore_pieces_) {
    rows_.Remove(KeyOf(piece));
  }
  restore_pieces_.clear();
}

void ClusterTables::RemoveJoinToken(const std::string& hash) {
  const auto it = join_tokens_.find(hash);
  JACO_CHECK(it != join_tokens_.end());
  rows_.Remove(KeyOf(it->second));
  join_tokens_.erase(it);
}

void ClusterTables::RemoveToken(const std::string& identity) {
  const auto it = tokens_.find(identity);
  JACO_CHECK_MSG(it != tokens_.end(), "token of ", identity);
  Unindex(it->second);
  rows_.Remove(KeyOf(it->second));
  tokens_.erase(it);
}

void ClusterTables::RemoveNode(uint64_t id) {
  const auto it = nodes_.find(id);
  JACO_CHECK_MSG(it != nodes_.end(), "node ", id);
  rows_.Remove(KeyOf(it->second));
  nodes_.erase(it);
}

void ClusterTables::ForgetRemoved(uint64_t id) {
  const auto it = removed_.find(id);
  JACO_CHECK_MSG(it != removed_.end(), "removed node ", id);
  rows_.Remove(KeyOf(it->second));
  removed_.erase(it);
}

void ClusterTables::AppendAudit(AuditEvent event) {
  JACO_CHECK(audit_.empty() || audit_.back().index() < event.index());
  if (audit_.size() == kAuditEventsMax) {
    rows_.Remove(KeyOf(audit_.front()));
    audit_.pop_front();
  }
  rows_.Put(KeyOf(event), event.SerializeAsString());
  audit_.push_back(std::move(event));
}

void ClusterTables::ReplaceBy(ClusterTables next) {
  rows_.ReplaceBy(std::move(next.rows_));
  next.rows_ = std::move(rows_);
  *this = std::move(next);
}

absl::StatusOr<ClusterTables> ClusterTables::FromRows(
    std::vector<KeyValue> rows) {
  ClusterTables tables;
  for (KeyValue& row : rows) {
    if (!tables.rows_.ComesNext(row.first)) {
      return BadRow(row.first, "out of order");
    }
    if (absl::Status status = tables.LoadRow(row); !status.ok()) return status;
    tables.rows_.LoadNext(std::move(row));
  }
  return tables;
}

absl::Status ClusterTables::LoadRow(const KeyValue& row) {
  switch (row.first.empty() ? '\0' : row.first[0]) {
    case 'a':
      return LoadAs<AuditEvent>(row);
    case 'c':
      return LoadAs<Cluster>(row);
    case 'j':
      return LoadAs<JoinToken>(row);
    case 'n':
      return LoadAs<Node>(row);
    case 'o':
      return LoadAs<AutopilotConfig>(row);
    case 'p':
      return LoadAs<RestorePiece>(row);
    case 'r':
      return LoadAs<RemovedNode>(row);
    case 't':
      return LoadAs<Token>(row);
    case 'u':
      return LoadAs<User>(row);
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

absl::Status ClusterTables::Insert(RemovedNode node) {
  const uint64_t id = node.id();
  removed_.emplace(id, std::move(node));
  return absl::OkStatus();
}

absl::Status ClusterTables::Insert(Token token) {
  if (const Token* other = FindTokenByHash(token.hash())) {
    return BadRow(KeyOf(token), absl::StrCat("token of \"", other->identity(),
                                             "\" has the same hash"));
  }
  const std::string identity = token.identity();
  Index(tokens_.emplace(identity, std::move(token)).first->second);
  return absl::OkStatus();
}

absl::Status ClusterTables::Insert(JoinToken token) {
  const std::string hash = token.hash();
  join_tokens_.emplace(hash, std::move(token));
  return absl::OkStatus();
}

absl::Status ClusterTables::Insert(User user) {
  const std::string name = user.name();
  users_.emplace(name, std::move(user));
  return absl::OkStatus();
}

absl::Status ClusterTables::Insert(RestorePiece piece) {
  const uint64_t offset = piece.offset();
  restore_pieces_.emplace(offset, std::move(piece));
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
