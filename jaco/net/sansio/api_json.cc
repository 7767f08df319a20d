#include "jaco/net/sansio/api_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/json_fields.h"

namespace jaco::net {
namespace {

namespace json = boost::json;

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
                                 : absl::AsciiStrToLower(node.suffrage))},
      {"version", Text(node.version)},
      {"feature_level", node.feature_level}};
}

server::NodeStatus ReadNode(ResponseReader& reader) {
  server::NodeStatus node;
  node.hostname = reader.String("hostname");
  node.address = reader.String("address");
  node.status = absl::AsciiStrToUpper(reader.String("status"));
  node.suffrage = absl::AsciiStrToUpper(reader.String("suffrage"));
  if (node.suffrage == "UNKNOWN") node.suffrage = "?";
  node.version = reader.String("version");
  node.feature_level = static_cast<uint32_t>(reader.Number("feature_level"));
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
        server::Lifecycle::kCreating, server::Lifecycle::kJoining,
        server::Lifecycle::kRecovering, server::Lifecycle::kMember,
        server::Lifecycle::kRemoved}) {
    if (server::LifecycleName(lifecycle) == name) return lifecycle;
  }
  return server::Lifecycle::kFailed;
}

}  // namespace

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
  absl::Status status =
      CheckKeys(*object, {"node_id", "node_name", "address",
                          "certificate_request", "version", "feature_level"});
  server::AdmitRequest request;
  // A string: not every JSON parser can read all 64 bits.
  std::string id;
  status.Update(ReadString(*object, "node_id", &id));
  status.Update(ReadString(*object, "node_name", &request.node_name));
  status.Update(ReadString(*object, "address", &request.address));
  status.Update(
      ReadString(*object, "certificate_request", &request.certificate_request));
  uint64_t level = 0;
  status.Update(ReadString(*object, "version", &request.version));
  status.Update(ReadNumber(*object, "feature_level", &level));
  request.feature_level =
      static_cast<uint32_t>(std::min<uint64_t>(level, UINT32_MAX));
  if (!status.ok()) return status;
  if (!absl::SimpleAtoi(id, &request.node_id) || request.node_id == 0) {
    return FieldError("node_id", "\"node_id\" must be a positive number");
  }
  return request;
}

absl::StatusOr<server::RemoveNodeRequest> DecodeRemoveNodeRequest(
    absl::string_view body) {
  const auto object = ParseObject(body);
  if (!object.ok()) return object.status();
  absl::Status status = CheckKeys(*object, {"hostname", "force"});
  server::RemoveNodeRequest request;
  status.Update(ReadString(*object, "hostname", &request.node_name));
  status.Update(ReadBool(*object, "force", &request.force));
  if (!status.ok()) return status;
  if (request.node_name.empty()) {
    return FieldError("hostname", "\"hostname\" is missing or empty");
  }
  return request;
}

std::string EncodeRemoveNodeRequest(const server::RemoveNodeRequest& request) {
  return json::serialize(json::object{{"hostname", Text(request.node_name)},
                                      {"force", request.force}});
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
                   {"certificate_request", Text(request.certificate_request)},
                   {"version", Text(request.version)},
                   {"feature_level", request.feature_level}});
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
      {"repair", Text(response.repair)},
      {"bootstrap", Text(response.bootstrap)},
      {"joining", Text(response.joining)},
      {"authority_end", Text(response.authority_end)},
      {"feature_level", response.feature_level}});
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

std::string EncodeListTokensResponse(const server::ListTokensResponse& response,
                                     absl::string_view next_token) {
  // One by one: as a single value, many tokens would take ten times the memory
  // of the text, and stop the loop for longer.
  std::string out = "{\"tokens\":[";
  for (const server::TokenInfo& token : response.tokens) {
    if (out.back() != '[') out.push_back(',');
    out += json::serialize(TokenValue(token));
  }
  absl::StrAppend(&out, "],\"index\":", response.index);
  if (!next_token.empty()) {
    absl::StrAppend(&out, ",\"next_token\":",
                    json::serialize(json::value(Text(next_token))));
  }
  out.push_back('}');
  return out;
}

std::string EncodeIssueJoinTokenResponse(
    const server::IssueJoinTokenResponse& response) {
  return json::serialize(
      json::object{{"join_token", Text(response.join_token)},
                   {"expires_at", TimeText(response.expires_at)},
                   {"ca_cert", Text(response.ca_cert)},
                   {"peer", Text(response.peer)}});
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

std::string EncodeRemoveNodeResponse(
    const server::RemoveNodeResponse& response) {
  return json::serialize(json::object{{"index", response.index}});
}

std::string EncodeJoinServersResponse(
    const server::JoinServersResponse& response) {
  return json::serialize(json::object{{"error", Text(response.error)},
                                      {"num_joined", response.num_joined}});
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
        response.bootstrap = reader.String("bootstrap");
        response.joining = reader.String("joining");
        response.authority_end = reader.String("authority_end");
        response.feature_level =
            static_cast<uint32_t>(reader.Number("feature_level"));
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
        return {reader.String("join_token"), reader.Time("expires_at"),
                reader.String("ca_cert"), reader.String("peer")};
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

absl::StatusOr<server::JoinServersResponse> DecodeJoinServersResponse(
    absl::string_view body) {
  return DecodeResponse<server::JoinServersResponse>(
      body, [](ResponseReader& reader) -> server::JoinServersResponse {
        return {reader.Number("num_joined"), reader.String("error")};
      });
}

std::string EncodeError(const absl::Status& status) {
  json::object details;
  if (const std::string field = FieldOf(status); !field.empty()) {
    details["field"] = Text(field);
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
