#include "jaco/cmd/offline_raft.h"

#include <boost/json.hpp>
#include <memory>
#include <ostream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "jaco/base/error.h"
#include "jaco/cmd/cli_output.h"
#include "jaco/env/posix/posix_file_system.h"
#include "jaco/server/offline.h"

namespace jaco::cmd {
namespace {

namespace json = boost::json;
using What = OfflineRaftOptions::What;

json::object IdOf(const raft::EntryId& id) {
  return {{"term", id.term.value()}, {"index", id.index.value()}};
}

std::string IdText(raft::NodeId id) { return absl::StrCat(id.value()); }

json::array MembersOf(const raft::Configuration& configuration) {
  json::array members;
  for (const raft::NodeId id : configuration.Members()) {
    std::string address;
    for (const auto& [node, known] : configuration.addresses) {
      if (node == id) address = known;
    }
    // Ids are strings, as in peers.json: a double does not hold them.
    members.push_back(json::object{{"id", IdText(id)},
                                   {"address", address},
                                   {"voter", configuration.IsVoter(id)}});
  }
  return members;
}

json::array SegmentsOf(const server::OfflineServer& server) {
  json::array segments;
  for (const storage::SegmentInfo& segment : server.log.segments) {
    segments.push_back(json::object{{"name", segment.name},
                                    {"bytes", segment.bytes},
                                    {"used", segment.used},
                                    {"records", segment.records},
                                    {"needed", segment.needed}});
  }
  return segments;
}

json::array SnapshotsOf(const server::OfflineServer& server) {
  json::array snapshots;
  for (const server::OfflineSnapshot& snapshot : server.snapshots) {
    json::object object = IdOf(snapshot.last);
    object["state_bytes"] = snapshot.bytes;
    object["readable"] = snapshot.status.ok();
    snapshots.push_back(std::move(object));
  }
  return snapshots;
}

json::object NodeOf(const server::OfflineServer& server) {
  if (!server.identity.has_value()) return {};
  return {{"id", IdText(server.identity->node_id)},
          {"name", server.identity->node_name}};
}

json::object InfoOf(const server::OfflineServer& server) {
  const storage::RecoveredLog& log = server.log.log;
  const auto& entries = log.entries;
  const raft::EntryId first =
      entries.empty() ? raft::EntryId() : entries.front()->id;
  const raft::EntryId last =
      entries.empty() ? log.log_start : entries.back()->id;
  return {{"node", NodeOf(server)},
          {"hard_state",
           {{"term", log.hard_state.term.value()},
            {"voted_for", log.hard_state.voted_for == raft::kNoNode
                              ? ""
                              : IdText(log.hard_state.voted_for)}}},
          {"log",
           {{"compacted_to", IdOf(log.log_start)},
            {"first", IdOf(first)},
            {"last", IdOf(last)},
            {"entries", entries.size()},
            {"torn_bytes", log.torn_bytes}}},
          {"configuration",
           {{"index", server.configuration_index.value()},
            {"joint", server.configuration.IsJoint()},
            {"members", MembersOf(server.configuration)}}},
          {"snapshots", SnapshotsOf(server)},
          {"state_store",
           {{"present", server.stored.has_value()},
            {"applied", server.stored.value_or(raft::LogIndex()).value()}}},
          {"segments", SegmentsOf(server)}};
}

json::object StateOf(const server::OfflineServer& server) {
  const fsm::ClusterState& state = server.state;
  json::object result{{"committed_to_index", server.committed.value()},
                      {"shown_as_of_index", state.applied().value()}};
  json::object cluster;
  if (state.cluster().has_value()) {
    cluster["id"] = state.cluster()->id();
    cluster["name"] = state.cluster()->name();
  }
  result["cluster"] = std::move(cluster);
  json::array nodes;
  for (const auto& [id, node] : state.nodes()) {
    nodes.push_back(
        json::object{{"id", absl::StrCat(id)},
                     {"name", node.name()},
                     {"address", node.address()},
                     {"status", fsm::NodeStatus_Name(node.status())}});
  }
  result["nodes"] = std::move(nodes);
  json::array tokens;
  for (const auto& [identity, token] : state.tokens()) {
    tokens.push_back(json::object{
        {"identity", identity}, {"revoked", token.revoked_at_unix_ms() != 0}});
  }
  result["tokens"] = std::move(tokens);
  result["audit_events"] = state.audit().size();
  result["autopilot_modify_index"] =
      state.autopilot().has_value() ? state.autopilot()->modify_index() : 0;
  return result;
}

absl::string_view KindName(raft::EntryKind kind) {
  switch (kind) {
    case raft::EntryKind::kNoop:
      return "noop";
    case raft::EntryKind::kCommand:
      return "command";
    case raft::EntryKind::kConfiguration:
      return "configuration";
  }
  return "?";
}

// Calls `show` with the entries that are asked for.
template <typename Show>
void ForEntries(const server::OfflineServer& server,
                const OfflineRaftOptions& options, Show show) {
  for (const raft::EntryPtr& entry : server.log.log.entries) {
    const uint64_t index = entry->id.index.value();
    if (index >= options.from && index <= options.to) show(*entry);
  }
}

json::object LogsOf(const server::OfflineServer& server,
                    const OfflineRaftOptions& options) {
  json::array entries;
  ForEntries(server, options, [&](const raft::Entry& entry) {
    json::object object = IdOf(entry.id);
    const absl::string_view kind = KindName(entry.kind);
    object["kind"] = json::string_view(kind.data(), kind.size());
    object["bytes"] = entry.data.size();
    object["summary"] = server::Summarize(entry);
    entries.push_back(std::move(object));
  });
  return {{"entries", std::move(entries)}};
}

std::string LogsTable(const server::OfflineServer& server,
                      const OfflineRaftOptions& options) {
  std::string out = absl::StrFormat("%-10s %-8s %-13s %8s  %s\n", "INDEX",
                                    "TERM", "KIND", "BYTES", "SUMMARY");
  ForEntries(server, options, [&](const raft::Entry& entry) {
    absl::StrAppendFormat(&out, "%-10d %-8d %-13s %8d  %s\n",
                          entry.id.index.value(), entry.id.term.value(),
                          KindName(entry.kind), entry.data.size(),
                          server::Summarize(entry));
  });
  return out;
}

std::string Scalar(const json::value& value) {
  if (!value.is_string()) return json::serialize(value);
  const json::string& text = value.get_string();
  return text.empty() ? "-" : std::string(text.data(), text.size());
}

// One line of "key value, key value" for what holds no lists.
std::string Line(const json::object& object) {
  std::string out;
  for (const auto& field : object) {
    absl::StrAppend(
        &out, out.empty() ? "" : ", ", std::string(field.key()), " ",
        field.value().is_object()
            ? absl::StrCat("(", Line(field.value().get_object()), ")")
            : Scalar(field.value()));
  }
  return out.empty() ? "-" : out;
}

void PrintTable(const json::object& object, const std::string& indent,
                std::string* out) {
  for (const auto& field : object) {
    std::string name(field.key());
    for (char& c : name) c = c == '_' ? ' ' : c;
    name[0] = absl::ascii_toupper(static_cast<unsigned char>(name[0]));
    const json::value& value = field.value();
    if (value.is_array()) {
      absl::StrAppend(out, indent, name, " (", value.get_array().size(),
                      "):\n");
      for (const json::value& element : value.get_array()) {
        absl::StrAppend(out, indent, "  - ", Line(element.get_object()), "\n");
      }
    } else if (value.is_object() && value.get_object().contains("members")) {
      absl::StrAppend(out, indent, name, ":\n");
      PrintTable(value.get_object(), indent + "  ", out);
    } else {
      absl::StrAppend(
          out, indent, name, ": ",
          value.is_object() ? Line(value.get_object()) : Scalar(value), "\n");
    }
  }
}

std::string Show(const server::OfflineServer& server,
                 const OfflineRaftOptions& options) {
  const bool table = options.output == "table";
  if (table && options.what == What::kLogs) return LogsTable(server, options);
  json::object object = options.what == What::kInfo ? InfoOf(server)
                        : options.what == What::kState
                            ? StateOf(server)
                            : LogsOf(server, options);
  if (table) {
    std::string out;
    PrintTable(object, "", &out);
    return out;
  }
  json::array damage;
  for (const absl::Status& status : server.damage) {
    damage.push_back(json::string(std::string(status.message())));
  }
  object["damage"] = std::move(damage);
  const std::string text = json::serialize(object);
  return options.output == "json" ? FormatJson(text) : FormatYaml(text);
}

int Fail(const absl::Status& status, const CliWorld& world) {
  *world.err << FormatError(ErrorCodeName(CodeOf(status)), status.message());
  return 1;
}

// No server may write while we read. One that ever ran has left a LOCK behind;
// without it there is nobody to keep out, and nothing is created.
absl::StatusOr<std::unique_ptr<env::FileLock>> LockOut(
    env::FileSystem& files, const std::string& data_dir) {
  const std::string path = absl::StrCat(data_dir, "/LOCK");
  const absl::StatusOr<bool> exists = files.Exists(path);
  if (!exists.ok()) return exists.status();
  if (!*exists) return std::unique_ptr<env::FileLock>();
  auto lock = files.Lock(path);
  if (!absl::IsFailedPrecondition(lock.status())) return lock;
  return MakeError(ErrorCode::kConflict,
                   absl::StrCat("data directory ", data_dir,
                                " is in use by a jacod; stop it first"));
}

}  // namespace

int RunOfflineRaft(const OfflineRaftOptions& options, const CliWorld& world) {
  env::PosixFileSystem files;
  const auto lock = LockOut(files, options.data_dir);
  if (!lock.ok()) return Fail(lock.status(), world);
  const auto server = server::InspectOffline(files, options.data_dir);
  if (!server.ok()) return Fail(server.status(), world);
  *world.out << Show(*server, options);
  for (const absl::Status& status : server->damage) Fail(status, world);
  return server->damage.empty() ? 0 : 1;
}

}  // namespace jaco::cmd
