#include "jaco/net/sansio/api_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "jaco/base/error.h"

namespace jaco::net {
namespace {

namespace json = boost::json;

// No message of the API nests deeper than 3.
constexpr size_t kDepthMax = 8;
constexpr absl::string_view kFieldPayload = "jaco/field";

json::string_view Json(absl::string_view text) {
  return json::string_view(text.data(), text.size());
}
absl::string_view View(json::string_view text) {
  return absl::string_view(text.data(), text.size());
}

absl::StatusOr<json::object> ParseObject(absl::string_view body) {
  if (body.empty()) return json::object();
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  json::value value = json::parse(Json(body), error, {}, options);
  if (error) {
    return MakeError(ErrorCode::kParseFailed,
                     absl::StrCat("invalid JSON: ", error.message()));
  }
  if (!value.is_object()) {
    return MakeError(ErrorCode::kValidationFailed, "not a JSON object");
  }
  return std::move(value.get_object());
}

// Long or binary keys would make a mess of a message.
std::string Shown(absl::string_view text) {
  constexpr size_t kShownMax = 64;
  return absl::StrCat(absl::Utf8SafeCHexEscape(text.substr(0, kShownMax)),
                      text.size() > kShownMax ? "..." : "");
}

absl::Status CheckKeys(const json::object& object,
                       std::initializer_list<absl::string_view> known) {
  for (const auto& entry : object) {
    const absl::string_view key = View(entry.key());
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return FieldError(Shown(key), absl::StrCat("unknown field \"", Shown(key),
                                               "\"; known are: ",
                                               absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

absl::Status ReadString(const json::object& object, absl::string_view key,
                        std::string* out) {
  const json::value* value = object.if_contains(Json(key));
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_string()) {
    return FieldError(key, absl::StrCat("\"", key, "\" must be a string"));
  }
  *out = std::string(View(value->get_string()));
  return absl::OkStatus();
}

absl::Status ReadBool(const json::object& object, absl::string_view key,
                      bool* out) {
  const json::value* value = object.if_contains(Json(key));
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_bool()) {
    return FieldError(key, absl::StrCat("\"", key, "\" must be a boolean"));
  }
  *out = value->get_bool();
  return absl::OkStatus();
}

json::string Text(absl::string_view text) { return json::string(Json(text)); }

json::string TimeText(absl::Time time) {
  return Text(
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone()));
}

json::value TokenValue(const server::TokenInfo& token) {
  json::value revoked_at;  // null
  if (token.revoked_at != absl::InfiniteFuture()) {
    revoked_at = TimeText(token.revoked_at);
  }
  return json::object{{"identity", Text(token.identity)},
                      {"issued_at", TimeText(token.issued_at)},
                      {"revoked_at", std::move(revoked_at)},
                      {"allow_privileged", token.allow_privileged},
                      {"create_index", token.create_index},
                      {"modify_index", token.modify_index}};
}

json::value NodeValue(const server::NodeStatus& node) {
  return json::object{
      {"hostname", Text(node.hostname)},
      {"address", Text(node.address)},
      {"status", Text(absl::AsciiStrToLower(node.status))},
      {"suffrage",
       Text(node.suffrage == "?" ? "unknown"
                                 : absl::AsciiStrToLower(node.suffrage))}};
}

// Reads a response: fields that are absent or of another type keep their
// defaults, and `ok` tells whether the required ones were there.
class ResponseReader {
 public:
  explicit ResponseReader(const json::object& object) : object_(object) {}

  std::string String(absl::string_view key) {
    const json::value* value = Find(key);
    if (value != nullptr && value->is_string()) {
      return std::string(View(value->get_string()));
    }
    ok_ = false;
    return "";
  }
  bool Bool(absl::string_view key) {
    const json::value* value = Find(key);
    if (value != nullptr && value->is_bool()) return value->get_bool();
    ok_ = false;
    return false;
  }
  uint64_t Number(absl::string_view key) {
    const json::value* value = Find(key);
    if (value != nullptr && value->is_number()) {
      json::error_code error;
      const auto number = value->to_number<uint64_t>(error);
      if (!error) return number;
    }
    ok_ = false;
    return 0;
  }
  // null reads as the infinite future.
  absl::Time Time(absl::string_view key) {
    const json::value* value = Find(key);
    if (value != nullptr && value->is_null()) return absl::InfiniteFuture();
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, String(key), &time, &error)) {
      ok_ = false;
    }
    return time;
  }
  template <typename Function>
  void Objects(absl::string_view key, Function function) {
    const json::value* value = Find(key);
    if (value == nullptr || !value->is_array()) {
      ok_ = false;
      return;
    }
    for (const json::value& element : value->get_array()) {
      if (!element.is_object()) {
        ok_ = false;
        return;
      }
      ResponseReader reader(element.get_object());
      function(reader);
      ok_ = ok_ && reader.ok_;
    }
  }
  bool ok() const { return ok_; }

 private:
  const json::value* Find(absl::string_view key) const {
    return object_.if_contains(Json(key));
  }
  const json::object& object_;
  bool ok_ = true;
};

template <typename Response, typename Read>
absl::StatusOr<Response> DecodeResponse(absl::string_view body, Read read) {
  const auto object = ParseObject(body);
  if (!object.ok()) return absl::InternalError("the answer is not JSON");
  ResponseReader reader(*object);
  Response response = read(reader);
  if (!reader.ok()) {
    return absl::InternalError("the answer lacks what was asked for");
  }
  return response;
}

server::NodeStatus ReadNode(ResponseReader& reader) {
  server::NodeStatus node;
  node.hostname = reader.String("hostname");
  node.address = reader.String("address");
  node.status = absl::AsciiStrToUpper(reader.String("status"));
  node.suffrage = absl::AsciiStrToUpper(reader.String("suffrage"));
  if (node.suffrage == "UNKNOWN") node.suffrage = "?";
  return node;
}

server::TokenInfo ReadToken(ResponseReader& reader) {
  server::TokenInfo token;
  token.identity = reader.String("identity");
  token.issued_at = reader.Time("issued_at");
  token.revoked_at = reader.Time("revoked_at");
  token.allow_privileged = reader.Bool("allow_privileged");
  token.create_index = reader.Number("create_index");
  token.modify_index = reader.Number("modify_index");
  return token;
}

server::Lifecycle LifecycleFromName(absl::string_view name) {
  for (const auto lifecycle :
       {server::Lifecycle::kStarting, server::Lifecycle::kUninitialized,
        server::Lifecycle::kCreating, server::Lifecycle::kMember}) {
    if (server::LifecycleName(lifecycle) == name) return lifecycle;
  }
  return server::Lifecycle::kFailed;
}

}  // namespace

absl::Status FieldError(absl::string_view field, absl::string_view message) {
  absl::Status status = MakeError(ErrorCode::kValidationFailed, message);
  status.SetPayload(kFieldPayload, absl::Cord(field));
  return status;
}

absl::StatusOr<server::InitRequest> DecodeInitRequest(absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(*object, {"name"});
  server::InitRequest request;
  status.Update(ReadString(*object, "name", &request.cluster_name));
  if (!status.ok()) return status;
  return request;
}

absl::StatusOr<server::IssueTokenRequest> DecodeIssueTokenRequest(
    absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(*object, {"identity", "allow_privileged"});
  server::IssueTokenRequest request;
  status.Update(ReadString(*object, "identity", &request.identity));
  status.Update(
      ReadBool(*object, "allow_privileged", &request.allow_privileged));
  if (!status.ok()) return status;
  if (request.identity.empty()) {
    return FieldError("identity", "\"identity\" is missing or empty");
  }
  return request;
}

absl::StatusOr<server::IssueJoinTokenRequest> DecodeIssueJoinTokenRequest(
    absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(*object, {"node_name"});
  server::IssueJoinTokenRequest request;
  status.Update(ReadString(*object, "node_name", &request.node_name));
  if (!status.ok()) return status;
  return request;
}

absl::StatusOr<server::JoinRequest> DecodeJoinRequest(absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(*object, {"peer", "join_token"});
  server::JoinRequest request;
  status.Update(ReadString(*object, "peer", &request.peer));
  status.Update(ReadString(*object, "join_token", &request.join_token));
  if (!status.ok()) return status;
  if (request.peer.empty()) return FieldError("peer", "\"peer\" is missing");
  return request;
}

absl::StatusOr<server::AdmitRequest> DecodeAdmitRequest(
    absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(
      *object, {"node_id", "node_name", "address", "certificate_request"});
  server::AdmitRequest request;
  // A string: not every JSON parser can read all 64 bits.
  std::string id;
  status.Update(ReadString(*object, "node_id", &id));
  status.Update(ReadString(*object, "node_name", &request.node_name));
  status.Update(ReadString(*object, "address", &request.address));
  status.Update(
      ReadString(*object, "certificate_request", &request.certificate_request));
  if (!status.ok()) return status;
  if (!absl::SimpleAtoi(id, &request.node_id) || request.node_id == 0) {
    return FieldError("node_id", "\"node_id\" must be a positive number");
  }
  return request;
}

std::string EncodeIssueJoinTokenRequest(
    const server::IssueJoinTokenRequest& request) {
  return json::serialize(json::object{{"node_name", Text(request.node_name)}});
}

std::string EncodeJoinRequest(const server::JoinRequest& request) {
  return json::serialize(json::object{
      {"peer", Text(request.peer)}, {"join_token", Text(request.join_token)}});
}

std::string EncodeAdmitRequest(const server::AdmitRequest& request) {
  return json::serialize(
      json::object{{"node_id", absl::StrCat(request.node_id)},
                   {"node_name", Text(request.node_name)},
                   {"address", Text(request.address)},
                   {"certificate_request", Text(request.certificate_request)}});
}

std::string EncodeInitRequest(const server::InitRequest& request) {
  return json::serialize(json::object{{"name", Text(request.cluster_name)}});
}

std::string EncodeIssueTokenRequest(const server::IssueTokenRequest& request) {
  return json::serialize(
      json::object{{"identity", Text(request.identity)},
                   {"allow_privileged", request.allow_privileged}});
}

std::string EncodeInitResponse(const server::InitResponse& response) {
  return json::serialize(
      json::object{{"cluster_id", Text(response.cluster_id)},
                   {"operator_token", Text(response.operator_token)}});
}

std::string EncodeStatusResponse(const server::StatusResponse& response) {
  json::array nodes;
  for (const server::NodeStatus& node : response.nodes) {
    nodes.push_back(NodeValue(node));
  }
  // The documented fields first.
  return json::serialize(json::object{
      {"initialized", response.initialized},
      {"leader", Text(response.leader)},
      {"raft_index", response.raft_index},
      {"nodes", std::move(nodes)},
      {"lifecycle", Text(server::LifecycleName(response.lifecycle))},
      {"node_name", Text(response.node_name)},
      {"cluster_id", Text(response.cluster_id)},
      {"cluster_name", Text(response.cluster_name)},
      {"raft_term", response.raft_term},
      {"repair", Text(response.repair)}});
}

std::string EncodeIssueTokenResponse(
    const server::IssueTokenResponse& response) {
  return json::serialize(
      json::object{{"identity", Text(response.identity)},
                   {"token", Text(response.token)},
                   {"issued_at", TimeText(response.issued_at)},
                   {"index", response.index}});
}

std::string EncodeRevokeTokenResponse(
    const server::RevokeTokenResponse& response) {
  return json::serialize(json::object{{"index", response.index}});
}

std::string EncodeListTokensResponse(
    const server::ListTokensResponse& response) {
  // One by one: as a single value, many tokens would take ten times the memory
  // of the text, and stop the loop for longer.
  std::string out = "{\"tokens\":[";
  for (const server::TokenInfo& token : response.tokens) {
    if (out.back() != '[') out.push_back(',');
    out += json::serialize(TokenValue(token));
  }
  absl::StrAppend(&out, "],\"index\":", response.index, "}");
  return out;
}

std::string EncodeIssueJoinTokenResponse(
    const server::IssueJoinTokenResponse& response) {
  return json::serialize(
      json::object{{"join_token", Text(response.join_token)},
                   {"expires_at", TimeText(response.expires_at)}});
}

std::string EncodeJoinResponse(const server::JoinResponse& response) {
  return json::serialize(
      json::object{{"cluster_id", Text(response.cluster_id)}});
}

std::string EncodeRestoreResponse(const server::RestoreResponse& response) {
  return json::serialize(
      json::object{{"cluster_id", Text(response.cluster_id)},
                   {"cluster_name", Text(response.cluster_name)},
                   {"backup_index", response.backup_index},
                   {"index", response.index},
                   {"taken_at", TimeText(response.taken_at)}});
}

std::string EncodeAdmitResponse(const server::AdmitResponse& response) {
  return json::serialize(
      json::object{{"cluster_id", Text(response.cluster_id)},
                   {"certificates", Text(response.certificates)},
                   {"bundle", Text(response.bundle)},
                   {"keyring", absl::Base64Escape(response.keyring)}});
}

std::string EncodeHealth(server::Lifecycle lifecycle) {
  return json::serialize(json::object{
      {"status", "ok"}, {"lifecycle", Text(server::LifecycleName(lifecycle))}});
}

std::string EncodeVersion(absl::string_view version) {
  return json::serialize(json::object{{"version", Text(version)}});
}

absl::StatusOr<server::InitResponse> DecodeInitResponse(
    absl::string_view body) {
  return DecodeResponse<server::InitResponse>(
      body, [](ResponseReader& reader) -> server::InitResponse {
        return {reader.String("cluster_id"), reader.String("operator_token")};
      });
}

absl::StatusOr<server::StatusResponse> DecodeStatusResponse(
    absl::string_view body) {
  return DecodeResponse<server::StatusResponse>(
      body, [](ResponseReader& reader) {
        server::StatusResponse response;
        response.initialized = reader.Bool("initialized");
        response.lifecycle = LifecycleFromName(reader.String("lifecycle"));
        response.node_name = reader.String("node_name");
        response.cluster_id = reader.String("cluster_id");
        response.cluster_name = reader.String("cluster_name");
        response.leader = reader.String("leader");
        response.raft_index = reader.Number("raft_index");
        response.raft_term = reader.Number("raft_term");
        response.repair = reader.String("repair");
        reader.Objects("nodes", [&](ResponseReader& node) {
          response.nodes.push_back(ReadNode(node));
        });
        return response;
      });
}

absl::StatusOr<server::IssueTokenResponse> DecodeIssueTokenResponse(
    absl::string_view body) {
  return DecodeResponse<server::IssueTokenResponse>(
      body, [](ResponseReader& reader) -> server::IssueTokenResponse {
        return {reader.String("identity"), reader.String("token"),
                reader.Time("issued_at"), reader.Number("index")};
      });
}

absl::StatusOr<server::ListTokensResponse> DecodeListTokensResponse(
    absl::string_view body) {
  return DecodeResponse<server::ListTokensResponse>(
      body, [](ResponseReader& reader) {
        server::ListTokensResponse response;
        reader.Objects("tokens", [&](ResponseReader& token) {
          response.tokens.push_back(ReadToken(token));
        });
        response.index = reader.Number("index");
        return response;
      });
}

absl::StatusOr<server::IssueJoinTokenResponse> DecodeIssueJoinTokenResponse(
    absl::string_view body) {
  return DecodeResponse<server::IssueJoinTokenResponse>(
      body, [](ResponseReader& reader) -> server::IssueJoinTokenResponse {
        return {reader.String("join_token"), reader.Time("expires_at")};
      });
}

absl::StatusOr<server::JoinResponse> DecodeJoinResponse(
    absl::string_view body) {
  return DecodeResponse<server::JoinResponse>(
      body, [](ResponseReader& reader) -> server::JoinResponse {
        return {reader.String("cluster_id")};
      });
}

absl::StatusOr<server::RestoreResponse> DecodeRestoreResponse(
    absl::string_view body) {
  return DecodeResponse<server::RestoreResponse>(
      body, [](ResponseReader& reader) -> server::RestoreResponse {
        return {reader.String("cluster_id"), reader.String("cluster_name"),
                reader.Number("backup_index"), reader.Number("index"),
                reader.Time("taken_at")};
      });
}

absl::StatusOr<server::AdmitResponse> DecodeAdmitResponse(
    absl::string_view body) {
  auto response = DecodeResponse<server::AdmitResponse>(
      body, [](ResponseReader& reader) -> server::AdmitResponse {
        return {reader.String("cluster_id"), reader.String("certificates"),
                reader.String("bundle"), reader.String("keyring")};
      });
  if (!response.ok()) return response;
  std::string keyring;
  if (!absl::Base64Unescape(response->keyring, &keyring)) {
    return absl::InternalError("the answer's keyring is not base64");
  }
  response->keyring = std::move(keyring);
  return response;
}

std::string EncodeError(const absl::Status& status) {
  json::object details;
  if (const auto field = status.GetPayload(kFieldPayload)) {
    details["field"] = Text(std::string(*field));
  }
  return json::serialize(
      json::object{{"code", Text(ErrorCodeName(CodeOf(status)))},
                   {"message", Text(status.message())},
                   {"details", std::move(details)}});
}

absl::StatusOr<ApiError> DecodeError(absl::string_view body) {
  return DecodeResponse<ApiError>(body, [](ResponseReader& reader) -> ApiError {
    return {reader.String("code"), reader.String("message")};
  });
}

}  // namespace jaco::net
