#include "jaco/net/sansio/bootstrap_json.h"

#include <arpa/inet.h>

#include <boost/json.hpp>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/net/sansio/json_fields.h"

namespace jaco::net {
namespace {

namespace json = boost::json;

// Reads one object of the configuration; the first thing that is wrong counts.
class Section {
 public:
  Section(const json::object* object, std::string path, absl::Status* status)
      : object_(object), path_(std::move(path)), status_(status) {}

  Section Object(absl::string_view key) {
    const json::value* value = Find(key);
    if (value != nullptr && !value->is_object()) Wrong(key, "an object");
    return Section(
        value != nullptr && value->is_object() ? &value->get_object() : nullptr,
        absl::StrCat(path_, key, "."), status_);
  }
  std::string String(absl::string_view key) {
    const json::value* value = Find(key);
    if (value == nullptr) return "";
    if (value->is_string()) return std::string(View(value->get_string()));
    Wrong(key, "a string");
    return "";
  }
  std::vector<std::string> Strings(absl::string_view key) {
    std::vector<std::string> all;
    const json::value* value = Find(key);
    if (value == nullptr) return all;
    bool fits = value->is_array();
    for (size_t i = 0; fits && i < value->get_array().size(); ++i) {
      const json::value& item = value->get_array()[i];
      fits = item.is_string();
      if (fits) all.emplace_back(View(item.get_string()));
    }
    if (!fits) Wrong(key, "an array of strings");
    return all;
  }
  uint64_t Number(absl::string_view key, uint64_t min, uint64_t max,
                  uint64_t otherwise) {
    const json::value* value = Find(key);
    if (value == nullptr) return otherwise;
    json::error_code error;
    const auto number = value->to_number<uint64_t>(error);
    if (!error && number >= min && number <= max) return number;
    Wrong(key, absl::StrCat("a number from ", min, " to ", max));
    return otherwise;
  }
  void Bools(std::initializer_list<absl::string_view> keys) {
    for (const absl::string_view key : keys) {
      const json::value* value = Find(key);
      if (value != nullptr && !value->is_bool()) Wrong(key, "true or false");
    }
  }
  void StringsOf(std::initializer_list<absl::string_view> keys) {
    for (const absl::string_view key : keys) String(key);
  }
  void Wrong(absl::string_view key, absl::string_view wanted) {
    if (!status_->ok()) return;
    const std::string field = absl::StrCat(path_, key);
    *status_ = FieldError(field, absl::StrCat(field, " must be ", wanted));
  }

 private:
  const json::value* Find(absl::string_view key) const {
    if (object_ == nullptr) return nullptr;
    const json::value* value = object_->if_contains(Json(key));
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  const json::object* const object_;
  const std::string path_;
  absl::Status* const status_;
};

bool IsIpAddress(const std::string& text) {
  in6_addr ip;
  return inet_pton(AF_INET, text.c_str(), &ip) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &ip) == 1;
}

void ReadIdentity(Section identity, server::BootstrapRequest* request) {
  // Ids are never given twice here: a uid to take over has no use.
  identity.Number("uid", 0, UINT64_MAX, 0);
  request->node_name = identity.String("name");
  request->address = identity.String("addr");
  if (!request->address.empty() && !IsIpAddress(request->address)) {
    identity.Wrong("addr", "an IP address");
  }
  request->external_addresses = identity.Strings("external_addr");
  for (const std::string& address : request->external_addresses) {
    if (!IsIpAddress(address)) {
      identity.Wrong("external_addr", "an array of IP addresses");
    }
  }
  identity.StringsOf({"rack_id", "second_rack_id"});
  identity.Bools({"override_rack_id", "accept_servers", "use_internal_ipv6"});
}

// What jaco has nothing for, but a slip in which is one.
void CheckTheRest(Section& root) {
  constexpr uint64_t kPortMin = 1024;
  constexpr uint64_t kPortMax = 65535;
  for (const absl::string_view port :
       {"crdb_coordinator_port", "envoy_admin_port", "envoy_mgmt_server_port",
        "gossip_envoy_admin_port"}) {
    root.Number(port, kPortMin, kPortMax, kPortMin);
  }
  root.StringsOf({"license", "required_version"});
  root.Object("policy").Bools(
      {"rack_aware", "default_fork_evict_ram", "shards_overbooking"});
  Section node = root.Object("node");
  node.Bools({"bigstore_enabled"});
  node.StringsOf({"bigstore_driver"});
  node.Object("paths").StringsOf({"persistent_path", "ephemeral_path",
                                  "bigstore_path", "ccs_persistent_path"});
  Section limits = node.Object("limits");
  limits.Number("max_listeners", 0, UINT32_MAX, 0);
  limits.Number("max_redis_servers", 0, UINT32_MAX, 0);
}

json::object StatusObject(const server::BootstrapStatus& status) {
  json::object object;
  object["state"] = Text(server::BootstrapStateName(status.state));
  const auto put = [&](const char* key, std::optional<absl::Time> time) {
    if (!time) return;
    object[key] = Text(
        absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", *time, absl::UTCTimeZone()));
  };
  put("start_time", status.started);
  put("end_time", status.ended);
  if (status.state == server::BootstrapState::kError) {
    object["error_code"] = Text(status.error_code);
    object["error_details"] =
        json::object{{"message", Text(status.error_message)}};
  }
  return object;
}

json::array Addresses(const env::HostFacts& host) {
  json::array all;
  for (const env::HostAddress& address : host.addresses) {
    all.push_back(json::object{{"address", Text(address.address)},
                               {"format", address.ipv6 ? "ipv6" : "ipv4"},
                               {"if_name", Text(address.interface)},
                               {"private", address.is_private}});
  }
  return all;
}

}  // namespace

absl::StatusOr<server::BootstrapRequest> DecodeBootstrapRequest(
    server::BootstrapAction action, absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status;
  Section root(&*object, "", &status);
  server::BootstrapRequest request{.action = action};
  const std::string named = root.String("action");
  if (!named.empty() && named != server::BootstrapActionName(action)) {
    root.Wrong("action", absl::StrCat("that of the path, ",
                                      server::BootstrapActionName(action)));
  }
  Section cluster = root.Object("cluster");
  request.cluster_name = cluster.String("name");
  request.nodes = cluster.Strings("nodes");
  cluster.Bools({"wait_command"});
  Section credentials = root.Object("credentials");
  request.username = credentials.String("username");
  request.password = credentials.String("password");
  ReadIdentity(root.Object("node").Object("identity"), &request);
  request.recovery_filename = root.String("recovery_filename");
  request.recovery_secret = root.String("backup_key");
  if (request.recovery_secret.empty()) {
    request.recovery_secret = root.String("passphrase");
  }
  request.join_token = root.String("join_token");
  request.retries_max =
      static_cast<uint32_t>(root.Number("max_retries", 0, UINT32_MAX, 0));
  constexpr uint64_t kRetrySecondsMax = 3600;
  request.retry_time = Seconds(
      static_cast<int64_t>(root.Number("retry_time", 0, kRetrySecondsMax, 1)));
  CheckTheRest(root);
  if (!status.ok()) return status;
  return request;
}

std::string EncodeBootstrapRequest(const server::BootstrapRequest& request) {
  json::object object{
      {"action", Text(server::BootstrapActionName(request.action))}};
  json::object cluster;
  if (!request.cluster_name.empty()) {
    cluster["name"] = Text(request.cluster_name);
  }
  json::array nodes;
  for (const std::string& node : request.nodes) nodes.push_back(Text(node));
  cluster["nodes"] = std::move(nodes);
  object["cluster"] = std::move(cluster);
  if (!request.username.empty() || !request.password.empty()) {
    object["credentials"] = json::object{{"username", Text(request.username)},
                                         {"password", Text(request.password)}};
  }
  const auto put = [&](const char* key, const std::string& text) {
    if (!text.empty()) object[key] = Text(text);
  };
  put("join_token", request.join_token);
  put("recovery_filename", request.recovery_filename);
  put("backup_key", request.recovery_secret);
  object["max_retries"] = request.retries_max;
  object["retry_time"] = request.retry_time.milliseconds() / 1000;
  return json::serialize(object);
}

std::string EncodeBootstrapReport(const server::BootstrapReport& report) {
  const json::array addresses = Addresses(report.host);
  json::object node;
  node["uid"] = report.uid == 0 ? json::value(nullptr) : report.uid;
  node["software_version"] = Text(report.software_version);
  node["cores"] = report.host.cores;
  node["os_version"] = Text(report.host.os_version);
  node["total_memory"] = report.host.memory_bytes;
  node["uptime"] = report.host.uptime_seconds;
  // There is one directory for everything.
  node["ephemeral_storage_path"] = Text(report.data_dir);
  node["ephemeral_storage_size"] = report.host.storage_bytes;
  node["persistent_storage_path"] = Text(report.data_dir);
  node["persistent_storage_size"] = report.host.storage_bytes;
  // The documents have the first name, clients ask for either.
  node["available_addrs"] = addresses;
  node["available_addresses"] = addresses;
  return json::serialize(
      json::object{{"bootstrap_status", StatusObject(report.status)},
                   {"local_node_info", std::move(node)}});
}

absl::StatusOr<server::BootstrapStatus> DecodeBootstrapReport(
    absl::string_view body) {
  const absl::Status none = absl::InternalError("the answer is no status");
  const auto object = ParseObject(body);
  if (!object.ok()) return none;
  const json::value* found = object->if_contains("bootstrap_status");
  if (found == nullptr || !found->is_object()) return none;
  absl::Status status;
  Section section(&found->get_object(), "", &status);
  server::BootstrapStatus result;
  const std::string name = section.String("state");
  result.error_code = section.String("error_code");
  result.error_message = section.Object("error_details").String("message");
  const auto read = [&](absl::string_view key, std::optional<absl::Time>* out) {
    absl::Time time;
    const std::string text = section.String(key);
    if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) *out = time;
  };
  read("start_time", &result.started);
  read("end_time", &result.ended);
  using server::BootstrapState;
  for (const auto state : {BootstrapState::kIdle, BootstrapState::kInitiated,
                           BootstrapState::kCreating, BootstrapState::kJoining,
                           BootstrapState::kRecovering, BootstrapState::kError,
                           BootstrapState::kCompleted}) {
    result.state = state;
    if (server::BootstrapStateName(state) == name && status.ok()) return result;
  }
  return none;
}

std::string EncodeBootstrapFailure(const absl::Status& status) {
  return json::serialize(
      StatusObject({.state = server::BootstrapState::kError,
                    .error_code = server::BootstrapErrorCode(status),
                    .error_message = std::string(status.message())}));
}

std::string EncodeBootstrapError(const absl::Status& status) {
  json::object details{{"message", Text(status.message())}};
  if (const std::string field = FieldOf(status); !field.empty()) {
    details["field"] = Text(field);
  }
  return json::serialize(
      json::object{{"code", Text(ErrorCodeName(CodeOf(status)))},
                   {"message", Text(status.message())},
                   {"details", details},
                   {"error_code", Text(server::BootstrapErrorCode(status))},
                   {"error_details", details}});
}

std::string EncodeNodes(const server::StatusResponse& status) {
  json::array nodes;
  for (const server::NodeStatus& node : status.nodes) {
    const auto address = ParseHostPort(node.address);
    const char* redis = node.status == "READY"     ? "active"
                        : node.status == "LEAVING" ? "decommissioning"
                        : node.status == "JOINING" ? "provisioning"
                                                   : "down";
    nodes.push_back(json::object{
        {"uid", node.create_index},
        {"addr", Text(address.ok() ? address->host : node.address)},
        {"status", redis},
        {"software_version", Text(node.version)},
        {"node_id", absl::StrCat(node.id)},
        {"hostname", Text(node.hostname)},
        {"address", Text(node.address)},
        {"node_status", Text(node.status)},
        {"suffrage", Text(node.suffrage)},
        {"feature_level", node.feature_level}});
  }
  return json::serialize(nodes);
}

}  // namespace jaco::net
