#include "jaco/net/sansio/operator_json.h"

#include <boost/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/net/sansio/json_fields.h"

namespace jaco::net {
namespace {

namespace json = boost::json;

// That of the versions of the protocol that Nomad's clients know of.
constexpr absl::string_view kRaftProtocol = "3";
constexpr absl::string_view kUnknownNode = "(unknown)";

json::string Id(uint64_t id) { return Text(absl::StrCat(id)); }

uint64_t ReadId(ResponseReader& reader, absl::string_view key) {
  uint64_t id = 0;
  // 0 is nobody's.
  return absl::SimpleAtoi(reader.String(key), &id) ? id : 0;
}

std::string InRegion(absl::string_view name) {
  return absl::StrCat(name, ".", kRegion);
}

json::object PeerValue(const server::RaftPeer& peer) {
  const bool known = !peer.node.empty();
  return {{"Address", Text(peer.address)},
          {"ID", Id(peer.id)},
          {"Leader", peer.leader},
          {"Node", Text(known ? InRegion(peer.node) : kUnknownNode)},
          {"RaftProtocol", Text(known ? kRaftProtocol : "unknown")},
          {"Voter", peer.voter}};
}

absl::Status ReadDuration(const json::object& object, absl::string_view key,
                          absl::Duration* out) {
  const json::value* value = object.if_contains(Json(key));
  if (value == nullptr) return absl::OkStatus();
  if (value->is_int64()) {
    *out = absl::Nanoseconds(value->get_int64());
    return absl::OkStatus();
  }
  if (value->is_string()) {
    const auto duration = ParseGoDuration(View(value->get_string()));
    if (!duration.ok()) return FieldError(key, duration.status().message());
    *out = *duration;
    return absl::OkStatus();
  }
  return FieldError(key, absl::StrCat("\"", key,
                                      "\" must be a duration, as "
                                      "\"200ms\""));
}

// Nomad's Enterprise has them: who asks for one is to know that it is not
// there.
absl::Status RefuseFlag(const json::object& object, absl::string_view key) {
  bool wanted = false;
  absl::Status status = ReadBool(object, key, &wanted);
  if (status.ok() && wanted) {
    status = FieldError(key, absl::StrCat("\"", key, "\" is not supported"));
  }
  return status;
}

absl::Duration ReadDuration(ResponseReader& reader, absl::string_view key) {
  return ParseGoDuration(reader.String(key)).value_or(absl::ZeroDuration());
}

json::object HealthValue(const server::ServerHealth& server) {
  return {{"Address", Text(server.address)},
          {"Healthy", server.healthy},
          {"ID", Id(server.id)},
          {"LastContact", Text(GoDuration(server.last_contact))},
          {"LastIndex", server.last_index},
          {"LastTerm", server.last_term},
          {"Leader", server.leader},
          {"Name", Text(server.name.empty() ? std::string(kUnknownNode)
                                            : InRegion(server.name))},
          {"SerfStatus", server.alive ? "alive" : "failed"},
          {"StableSince", TimeText(server.stable_since)},
          {"Version", Text(server.version)},
          {"Voter", server.voter}};
}

json::object MemberValue(const server::AgentNode& node) {
  const auto at = ParseHostPort(node.address);
  const std::string host = at.ok() ? at->host : "";
  const uint16_t port = at.ok() ? at->port : 0;
  return {{"Addr", Text(host)},
          {"Name", Text(InRegion(node.name))},
          {"Port", port},
          {"Status", Text(SerfStatus(node.status))},
          {"Tags", json::object{{"build", Text(node.version)},
                                {"dc", Text(kDatacenter)},
                                {"id", Id(node.id)},
                                {"port", Text(absl::StrCat(port))},
                                {"raft_vsn", Text(kRaftProtocol)},
                                {"region", Text(kRegion)},
                                {"role", "nomad"},
                                {"rpc_addr", Text(host)}}}};
}

json::object RaftStats(const server::AgentInfo& info) {
  const auto number = [](uint64_t value) { return Id(value); };
  const size_t members = info.configuration.peers.size();
  return {{"applied_index", number(info.applied_index)},
          {"commit_index", number(info.commit_index)},
          {"last_log_index", number(info.last_index)},
          {"last_log_term", number(info.last_term)},
          {"last_snapshot_index", number(info.snapshot_index)},
          {"last_snapshot_term", number(info.snapshot_term)},
          {"latest_configuration_index", number(info.configuration.index)},
          {"num_peers", number(members > 0 ? members - 1 : 0)},
          {"protocol_version", Text(kRaftProtocol)},
          {"state", Text(info.role)},
          {"term", number(info.term)}};
}

}  // namespace

absl::string_view SerfStatus(absl::string_view node_status) {
  if (node_status == "LEAVING") return "leaving";
  return node_status == "READY" || node_status == "JOINING" ? "alive"
                                                            : "failed";
}

std::string GoDuration(absl::Duration duration) {
  if (duration == absl::ZeroDuration()) return "0s";
  if (absl::AbsDuration(duration) < absl::Seconds(1)) {
    return absl::StrReplaceAll(absl::FormatDuration(duration), {{"us", "µs"}});
  }
  if (duration < absl::ZeroDuration()) {
    return absl::StrCat("-", GoDuration(-duration));
  }
  const int64_t hours = absl::IDivDuration(duration, absl::Hours(1), &duration);
  const int64_t minutes =
      absl::IDivDuration(duration, absl::Minutes(1), &duration);
  const int64_t seconds =
      absl::IDivDuration(duration, absl::Seconds(1), &duration);
  std::string text;
  if (hours > 0) absl::StrAppend(&text, hours, "h");
  if (hours > 0 || minutes > 0) absl::StrAppend(&text, minutes, "m");
  absl::StrAppend(&text, seconds);
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(duration);
  if (nanoseconds > 0) {
    std::string fraction = absl::StrFormat(".%09d", nanoseconds);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text + "s";
}

absl::StatusOr<absl::Duration> ParseGoDuration(absl::string_view text) {
  absl::Duration duration;
  const std::string ascii = absl::StrReplaceAll(text, {{"µs", "us"}});
  if (!absl::ParseDuration(ascii, &duration) ||
      absl::AbsDuration(duration) == absl::InfiniteDuration()) {
    return MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat("invalid duration \"",
                     absl::Utf8SafeCHexEscape(text.substr(0, 64)), "\""));
  }
  return duration;
}

std::string EncodeRaftConfiguration(const server::RaftPeers& peers) {
  json::array servers;
  for (const server::RaftPeer& peer : peers.peers) {
    servers.push_back(PeerValue(peer));
  }
  return json::serialize(
      json::object{{"Index", peers.index}, {"Servers", std::move(servers)}});
}

absl::StatusOr<server::RaftPeers> DecodeRaftConfiguration(
    absl::string_view body) {
  return DecodeResponse<server::RaftPeers>(body, [](ResponseReader& reader) {
    server::RaftPeers peers;
    peers.index = reader.Number("Index");
    reader.Objects("Servers", [&](ResponseReader& server) {
      peers.peers.push_back({.id = ReadId(server, "ID"),
                             .node = server.String("Node"),
                             .address = server.String("Address"),
                             .leader = server.Bool("Leader"),
                             .voter = server.Bool("Voter")});
    });
    return peers;
  });
}

std::string EncodeTransfer(const server::TransferResponse& response) {
  const auto end = [](const server::RaftPeer& peer) {
    return json::object{{"Address", Text(peer.address)}, {"ID", Id(peer.id)}};
  };
  return json::serialize(json::object{{"Err", nullptr},
                                      {"From", end(response.from)},
                                      {"Noop", response.noop},
                                      {"To", end(response.to)}});
}

std::string EncodeAutopilot(const server::AutopilotSettings& settings) {
  // In Nomad's order, which is not that of the alphabet here.
  return json::serialize(
      json::object{{"LastContactThreshold",
                    Text(GoDuration(settings.last_contact_threshold))},
                   {"ServerStabilizationTime",
                    Text(GoDuration(settings.server_stabilization_time))},
                   {"CleanupDeadServers", settings.cleanup_dead_servers},
                   {"MaxTrailingLogs", settings.max_trailing_logs},
                   {"MinQuorum", settings.min_quorum},
                   {"EnableRedundancyZones", false},
                   {"DisableUpgradeMigration", false},
                   {"EnableCustomUpgrades", false},
                   {"CreateIndex", settings.create_index},
                   {"ModifyIndex", settings.modify_index}});
}

absl::StatusOr<server::AutopilotSettings> DecodeAutopilot(
    absl::string_view body) {
  if (body.empty()) {
    return MakeError(ErrorCode::kValidationFailed, "Request body is empty");
  }
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(
      *object, {"CleanupDeadServers", "LastContactThreshold", "MaxTrailingLogs",
                "ServerStabilizationTime", "MinQuorum", "EnableRedundancyZones",
                "DisableUpgradeMigration", "EnableCustomUpgrades",
                "CreateIndex", "ModifyIndex"});
  server::AutopilotSettings settings;
  status.Update(
      ReadBool(*object, "CleanupDeadServers", &settings.cleanup_dead_servers));
  status.Update(ReadDuration(*object, "LastContactThreshold",
                             &settings.last_contact_threshold));
  status.Update(
      ReadNumber(*object, "MaxTrailingLogs", &settings.max_trailing_logs));
  status.Update(ReadDuration(*object, "ServerStabilizationTime",
                             &settings.server_stabilization_time));
  status.Update(ReadNumber(*object, "MinQuorum", &settings.min_quorum));
  status.Update(RefuseFlag(*object, "EnableRedundancyZones"));
  status.Update(RefuseFlag(*object, "DisableUpgradeMigration"));
  status.Update(RefuseFlag(*object, "EnableCustomUpgrades"));
  status.Update(ReadNumber(*object, "CreateIndex", &settings.create_index));
  status.Update(ReadNumber(*object, "ModifyIndex", &settings.modify_index));
  if (!status.ok()) return status;
  return settings;
}

std::string EncodeAutopilotHealth(const server::AutopilotHealth& health) {
  json::array voters;
  json::array servers;
  for (const server::ServerHealth& server : health.servers) {
    if (server.voter) voters.push_back(Id(server.id));
    servers.push_back(HealthValue(server));
  }
  return json::serialize(
      json::object{{"FailureTolerance", health.failure_tolerance},
                   {"Healthy", health.healthy},
                   {"Leader", Id(health.leader)},
                   {"Servers", std::move(servers)},
                   {"Voters", std::move(voters)}});
}

absl::StatusOr<server::AutopilotHealth> DecodeAutopilotHealth(
    absl::string_view body) {
  return DecodeResponse<server::AutopilotHealth>(
      body, [](ResponseReader& reader) {
        server::AutopilotHealth health;
        health.healthy = reader.Bool("Healthy");
        health.failure_tolerance = reader.Number("FailureTolerance");
        health.leader = ReadId(reader, "Leader");
        reader.Objects("Servers", [&](ResponseReader& server) {
          health.servers.push_back(
              {.id = ReadId(server, "ID"),
               .name = server.String("Name"),
               .address = server.String("Address"),
               .version = server.String("Version"),
               .alive = server.String("SerfStatus") == "alive",
               .leader = server.Bool("Leader"),
               .voter = server.Bool("Voter"),
               .healthy = server.Bool("Healthy"),
               .last_contact = ReadDuration(server, "LastContact"),
               .last_term = server.Number("LastTerm"),
               .last_index = server.Number("LastIndex"),
               .stable_since = server.Time("StableSince")});
        });
        return health;
      });
}

std::string EncodeStatusLeader(const server::AgentInfo& info) {
  return json::serialize(json::value(Text(info.leader_address)));
}

std::string EncodeStatusPeers(const server::AgentInfo& info) {
  json::array addresses;
  for (const server::RaftPeer& peer : info.configuration.peers) {
    addresses.push_back(Text(peer.address));
  }
  return json::serialize(addresses);
}

std::string EncodeAgentMembers(const server::AgentInfo& info) {
  json::array members;
  for (const server::AgentNode& node : info.nodes) {
    members.push_back(MemberValue(node));
  }
  return json::serialize(json::object{{"Members", std::move(members)},
                                      {"ServerDC", Text(kDatacenter)},
                                      {"ServerName", Text(info.self.name)},
                                      {"ServerRegion", Text(kRegion)}});
}

std::string EncodeAgentSelf(const server::AgentInfo& info) {
  const bool leads = info.leader != 0 && info.leader == info.self.id;
  return json::serialize(json::object{
      {"config",
       json::object{{"Datacenter", Text(kDatacenter)},
                    {"NodeName", Text(info.self.name)},
                    {"Region", Text(kRegion)},
                    {"Server", json::object{{"Enabled", true}}},
                    {"Version", json::object{{"Version", Text(kVersion)}}}}},
      {"member", MemberValue(info.self)},
      {"stats",
       json::object{
           {"nomad", json::object{{"known_regions", "1"},
                                  {"leader", leads ? "true" : "false"},
                                  {"leader_addr", Text(info.leader_address)},
                                  {"server", "true"}}},
           {"raft", RaftStats(info)}}}});
}

std::string EncodeRegions() {
  return json::serialize(json::array{Text(kRegion)});
}

absl::StatusOr<server::RetireAuthoritiesRequest> DecodeRetireAuthorities(
    absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(*object, {"force"});
  server::RetireAuthoritiesRequest request;
  status.Update(ReadBool(*object, "force", &request.force));
  if (!status.ok()) return status;
  return request;
}

std::string EncodeRetireAuthorities(
    const server::RetireAuthoritiesRequest& request) {
  return json::serialize(json::object{{"force", request.force}});
}

std::string EncodeAuthorities(const server::AuthoritiesResponse& response) {
  return json::serialize(
      json::object{{"fingerprint", Text(response.fingerprint)},
                   {"trusted", response.trusted}});
}

absl::StatusOr<server::AuthoritiesResponse> DecodeAuthorities(
    absl::string_view body) {
  return DecodeResponse<server::AuthoritiesResponse>(
      body, [](ResponseReader& reader) -> server::AuthoritiesResponse {
        return {reader.String("fingerprint"), reader.Number("trusted")};
      });
}

}  // namespace jaco::net
