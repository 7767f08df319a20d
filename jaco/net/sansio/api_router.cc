#include "jaco/net/sansio/api_router.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/net/sansio/api_json.h"
#include "jaco/net/sansio/api_router_call.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/net/sansio/http_error.h"
#include "jaco/net/sansio/json_fields.h"
#include "jaco/net/sansio/operator_json.h"
#include "jaco/net/sansio/query.h"
#include "jaco/server/bootstrap.pb.h"

namespace jaco::net {
namespace {

// The body is an archive; the digest is as in RFC 3230.
server::Reply<server::ArchiveResponse> Archived(
    HttpReply reply, absl::string_view content_type) {
  return [reply = std::move(reply), content_type](
             absl::StatusOr<server::ArchiveResponse> response) mutable {
    if (!response.ok()) return reply(ErrorResponse(response.status()));
    std::string digest =
        absl::StrCat("sha-256=", absl::Base64Escape(response->sha256));
    reply({.body = std::move(response->archive),
           .content_type = std::string(content_type),
           .digest = std::move(digest)});
  };
}

// The socket's permissions are what makes an operator here.
bool IsLocal(const server::Caller& caller) {
  return caller.identity == server::Caller().identity;
}

// Keeps `per_page` tokens (0: all) from identity `from` on. The identity after
// them; empty when there is none.
std::string CutPage(absl::string_view from, uint64_t per_page,
                    std::vector<server::TokenInfo>* tokens) {
  const auto first = std::find_if(
      tokens->begin(), tokens->end(),
      [&](const server::TokenInfo& token) { return token.identity >= from; });
  tokens->erase(tokens->begin(), first);
  if (per_page == 0 || tokens->size() <= per_page) return "";
  std::string next = (*tokens)[per_page].identity;
  tokens->resize(per_page);
  return next;
}

absl::Status FailureOf(const server::Api& api) {
  const absl::Status why = api.failure();
  return MakeError(why.ok() ? ErrorCode::kInternal : CodeOf(why),
                   absl::StrCat("the server has failed and stops: ",
                                why.ok() ? "its log says why" : why.message()));
}

// A name that came off the wire, fit for a message.
std::string Shown(absl::string_view text) {
  return absl::CHexEscape(text.substr(0, 128));
}

}  // namespace

struct ApiRouter::Route {
  absl::string_view method;
  absl::string_view path;  // one that ends in '/' takes one more segment
  bool before_init;
  void (ApiRouter::*handler)(Call);
  bool local_read = false;

  bool Matches(absl::string_view target) const {
    if (!absl::EndsWith(path, "/")) return target == path;
    return absl::ConsumePrefix(&target, path) && !target.empty() &&
           !absl::StrContains(target, '/');
  }
};

const ApiRouter::Route ApiRouter::kRoutes[] = {
    {"POST", "/v1/cluster/init", true, &ApiRouter::Init},
    {"GET", "/v1/cluster/status", true, &ApiRouter::Status, true},
    {"POST", "/v1/cluster/rotate-ca", false, &ApiRouter::RotateAuthority},
    {"POST", "/v1/cluster/retire-ca", false, &ApiRouter::RetireAuthorities},
    {"GET", "/v1/health", true, &ApiRouter::Health, true},
    {"GET", "/v1/version", true, &ApiRouter::Version, true},
    {"GET", "/v1/tokens", false, &ApiRouter::ListTokens},
    {"POST", "/v1/token", false, &ApiRouter::IssueToken},
    {"DELETE", "/v1/token/", false, &ApiRouter::RevokeToken},
    {"POST", "/v1/node/issue-join-token", false, &ApiRouter::IssueJoinToken},
    {"POST", "/v1/node/admit", false, &ApiRouter::Admit},
    {"POST", "/v1/node/join", true, &ApiRouter::Join},
    {"GET", "/v1/cluster/backup", false, &ApiRouter::Backup},
    {"POST", "/v1/cluster/restore", true, &ApiRouter::Restore},
    {"GET", "/v1/operator/snapshot", false, &ApiRouter::SaveSnapshot},
    {"PUT", "/v1/operator/snapshot", false, &ApiRouter::RestoreSnapshot},
    {"POST", "/v1/operator/snapshot", false, &ApiRouter::RestoreSnapshot},
    {"POST", "/v1/node/remove", false, &ApiRouter::RemoveNode},
    {"DELETE", "/v1/node/", false, &ApiRouter::RemoveNamedNode},
    {"POST", "/v1/server/hello", true, &ApiRouter::Hello},
    {"PUT", "/v1/agent/join", true, &ApiRouter::JoinServers},
    {"POST", "/v1/agent/join", true, &ApiRouter::JoinServers},
    {"GET", "/v1/nodes", false, &ApiRouter::ListNodes, true},
    {"GET", "/v1/users", false, &ApiRouter::ListUsers},
    {"PUT", "/v1/user/", false, &ApiRouter::SetUser},
    {"DELETE", "/v1/user/", false, &ApiRouter::RemoveUser},
    {"POST", "/v1/server/challenge", false, &ApiRouter::Challenge},
    {"POST", "/v1/server/prove", false, &ApiRouter::Prove},
    {"GET", "/v1/audit", false, &ApiRouter::ListAudit},
    {"GET", "/v1/agent/monitor", true, &ApiRouter::ReadLog, true},
};

void ApiRouter::Handle(const HttpRequest& request, const server::Caller& caller,
                       HttpReply reply) {
  const absl::string_view path =
      request.target.substr(0, request.target.find('?'));
  if (NomadRouter::Knows(path)) {
    return nomad_.Handle(request, caller, std::move(reply));
  }
  if (BootstrapRouter::Knows(path) && caller.join_token_hash.empty() &&
      !caller.bootstrap_peer) {
    return bootstrap_.Handle(request, caller, std::move(reply));
  }
  const Route* route = nullptr;
  std::string allow;
  bool before_init = false;
  for (const Route& candidate : kRoutes) {
    if (!candidate.Matches(path)) continue;
    before_init = before_init || candidate.before_init;
    if (candidate.method == request.method) route = &candidate;
    absl::StrAppend(&allow, allow.empty() ? "" : ", ", candidate.method);
  }
  if (!before_init) {
    if (const absl::Status gate = CheckInitialized(); !gate.ok()) {
      return reply(ErrorResponse(gate));
    }
  }
  if (allow.empty()) {
    return reply(ErrorResponse(MakeError(
        ErrorCode::kNotFound, absl::StrCat("no such path: ", Shown(path)))));
  }
  if (route == nullptr) {
    HttpResponse response = ErrorResponse(MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat("method ", Shown(request.method), " is not allowed on ",
                     Shown(path), "; allowed: ", allow)));
    response.status = 405;
    response.allow = std::move(allow);
    return reply(std::move(response));
  }
  // A join token opens one door.
  if (!caller.join_token_hash.empty() && route->handler != &ApiRouter::Admit) {
    return reply(
        ErrorResponse(MakeError(ErrorCode::kPermissionDenied,
                                "a join token is good for joining only")));
  }
  // So does the bootstrap key.
  if (caller.bootstrap_peer && route->handler != &ApiRouter::Hello) {
    return reply(
        ErrorResponse(MakeError(ErrorCode::kPermissionDenied,
                                "the bootstrap key is good for one call")));
  }
  if (caller.anonymous && !IsProofTarget(request.target)) {
    return reply(ErrorResponse(
        MakeError(ErrorCode::kPermissionDenied, "a token is needed")));
  }
  auto argument = PercentDecode(path.substr(route->path.size()));
  if (!argument.ok()) return reply(ErrorResponse(argument.status()));
  (this->*route->handler)({caller, request.target, *std::move(argument),
                           request.body, std::move(reply)});
}

bool ApiRouter::IsLocalRead(absl::string_view method,
                            absl::string_view target) {
  const absl::string_view path = target.substr(0, target.find('?'));
  if (NomadRouter::Knows(path)) {
    return NomadRouter::IsLocalRead(method, target);
  }
  if (BootstrapRouter::Knows(path)) return method != "POST";
  return std::any_of(
      std::begin(kRoutes), std::end(kRoutes), [&](const Route& route) {
        return route.local_read && route.method == method && route.path == path;
      });
}

absl::Status ApiRouter::CheckInitialized() const {
  switch (api_->lifecycle()) {
    case server::Lifecycle::kMember:
    case server::Lifecycle::kRemoved:  // the services say so
      return absl::OkStatus();
    case server::Lifecycle::kStarting:
      // Perhaps a member: worth a retry, which no_leader invites.
      return MakeError(ErrorCode::kNoLeader, "the server is starting");
    case server::Lifecycle::kFailed:
      return FailureOf(*api_);
    case server::Lifecycle::kUninitialized:
    case server::Lifecycle::kCreating:
    case server::Lifecycle::kJoining:
    case server::Lifecycle::kRecovering:
      break;
  }
  return MakeError(ErrorCode::kClusterUninitialized,
                   "this server is not part of a cluster yet; run `jaco "
                   "cluster init` or `jaco node join`");
}

void ApiRouter::Init(Call call) {
  if (!IsLocal(call.caller)) {
    return call.reply(ErrorResponse(
        MakeError(ErrorCode::kPermissionDenied,
                  "a cluster is initialised over the unix socket only")));
  }
  auto request = DecodeInitRequest(call.body);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  api_->Init(call.caller, *std::move(request),
             Encoded(std::move(call.reply), EncodeInitResponse));
}

void ApiRouter::Status(Call call) {
  call.reply({.body = EncodeStatusResponse(api_->Status())});
}

void ApiRouter::ListTokens(Call call) {
  const auto query = Query::Of(call.target);
  absl::Status status = query.status();
  std::optional<uint64_t> per_page;
  if (status.ok()) {
    const auto number = query->Number("per_page");
    status = number.status();
    if (number.ok()) per_page = *number;
  }
  if (!status.ok()) return call.reply(ErrorResponse(status));
  api_->ListTokens(
      call.caller,
      [reply = std::move(call.reply), per_page = per_page.value_or(0),
       from = query->First("next_token").value_or("")](
          absl::StatusOr<server::ListTokensResponse> tokens) mutable {
        if (!tokens.ok()) return reply(ErrorResponse(tokens.status()));
        const std::string next = CutPage(from, per_page, &tokens->tokens);
        reply({.body = EncodeListTokensResponse(*tokens, next)});
      });
}

void ApiRouter::IssueToken(Call call) {
  auto request = DecodeIssueTokenRequest(call.body);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  api_->IssueToken(call.caller, *std::move(request),
                   Encoded(std::move(call.reply), EncodeIssueTokenResponse));
}

void ApiRouter::RevokeToken(Call call) {
  api_->RevokeToken(call.caller, {.identity = std::move(call.argument)},
                    Encoded(std::move(call.reply), EncodeRevokeTokenResponse));
}

void ApiRouter::IssueJoinToken(Call call) {
  auto request = DecodeIssueJoinTokenRequest(call.body);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  api_->IssueJoinToken(
      call.caller, *std::move(request),
      Encoded(std::move(call.reply), EncodeIssueJoinTokenResponse));
}

void ApiRouter::Admit(Call call) {
  auto request = DecodeAdmitRequest(call.body);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  api_->Admit(call.caller, *std::move(request),
              Encoded(std::move(call.reply), EncodeAdmitResponse));
}

void ApiRouter::Join(Call call) {
  if (!IsLocal(call.caller)) {
    return call.reply(
        ErrorResponse(MakeError(ErrorCode::kPermissionDenied,
                                "a server joins over its unix socket only")));
  }
  auto request = DecodeJoinRequest(call.body);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  api_->Join(call.caller, *std::move(request),
             Encoded(std::move(call.reply), EncodeJoinResponse));
}

void ApiRouter::Backup(Call call) {
  api_->Backup(call.caller,
               Archived(std::move(call.reply), "application/octet-stream"));
}

void ApiRouter::Restore(Call call) {
  if (!IsLocal(call.caller)) {
    return call.reply(ErrorResponse(
        MakeError(ErrorCode::kPermissionDenied,
                  "a backup is restored over the unix socket only")));
  }
  api_->Restore(call.caller, {.archive = std::string(call.body)},
                Encoded(std::move(call.reply), EncodeRestoreResponse));
}

void ApiRouter::SaveSnapshot(Call call) {
  api_->SaveSnapshot(call.caller,
                     Archived(std::move(call.reply), "application/x-gzip"));
}

// As Nomad: nothing is said when all is well.
void ApiRouter::RestoreSnapshot(Call call) {
  api_->RestoreSnapshot(
      call.caller, {.archive = std::string(call.body)},
      [reply = std::move(call.reply)](
          const absl::StatusOr<server::RestoreSnapshotResponse>&
              response) mutable {
        reply(response.ok() ? HttpResponse{}
                            : ErrorResponse(response.status()));
      });
}

bool IsArchiveTarget(absl::string_view target) {
  target = target.substr(0, target.find('?'));
  return target == "/v1/cluster/backup" || target == "/v1/cluster/restore" ||
         target == "/v1/operator/snapshot";
}

bool IsProofTarget(absl::string_view target) {
  return target == "/v1/server/challenge" || target == "/v1/server/prove";
}

bool IsBootstrapTarget(absl::string_view target) {
  return BootstrapRouter::Knows(target.substr(0, target.find('?')));
}

void ApiRouter::RotateAuthority(Call call) {
  api_->operators().RotateAuthority(
      call.caller, Encoded(std::move(call.reply), EncodeAuthorities));
}

void ApiRouter::RetireAuthorities(Call call) {
  auto request = DecodeRetireAuthorities(call.body);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  api_->operators().RetireAuthorities(
      call.caller, *request, Encoded(std::move(call.reply), EncodeAuthorities));
}

void ApiRouter::RemoveNode(Call call) {
  auto request = DecodeRemoveNodeRequest(call.body);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  api_->RemoveNode(call.caller, *std::move(request),
                   Encoded(std::move(call.reply), EncodeRemoveNodeResponse));
}

void ApiRouter::RemoveNamedNode(Call call) {
  const auto query = Query::Of(call.target);
  const auto force = query.ok() ? query->Flag("force") : query.status();
  if (!force.ok()) return call.reply(ErrorResponse(force.status()));
  api_->RemoveNode(call.caller,
                   {.node_name = std::move(call.argument), .force = *force},
                   Encoded(std::move(call.reply), EncodeRemoveNodeResponse));
}

// Between servers, in their own words.
void ApiRouter::Hello(Call call) {
  server::HelloRequest request;
  if (!request.ParseFromArray(call.body.data(),
                              static_cast<int>(call.body.size()))) {
    return call.reply(
        ErrorResponse(MakeError(ErrorCode::kParseFailed, "this is no hello")));
  }
  api_->Hello(call.caller, std::move(request),
              [reply = std::move(call.reply)](
                  absl::StatusOr<server::HelloResponse> response) mutable {
                if (!response.ok()) {
                  return reply(ErrorResponse(response.status()));
                }
                reply({.body = response->SerializeAsString(),
                       .content_type = "application/x-protobuf"});
              });
}

// Nomad's: ?address=A&address=B. That nobody was reached is said with a 200.
void ApiRouter::JoinServers(Call call) {
  const auto query = Query::Of(call.target);
  if (!query.ok()) return call.reply(ErrorResponse(query.status()));
  server::JoinServersRequest request;
  for (const std::string& text : query->All("address")) {
    auto address = ApiAddress(text);
    if (!address.ok()) {
      return call.reply(
          ErrorResponse(FieldError("address", address.status().message())));
    }
    request.addresses.push_back(*std::move(address));
  }
  api_->JoinServers(call.caller, std::move(request),
                    Encoded(std::move(call.reply), EncodeJoinServersResponse));
}

void ApiRouter::Health(Call call) {
  call.reply({.body = EncodeHealth(api_->lifecycle())});
}

void ApiRouter::Version(Call call) {
  call.reply({.body = EncodeVersion(kVersion)});
}

void ApiRouter::ReadLog(Call call) {
  const auto request = ReadLogRequest(call.target);
  absl::Status status = request.status();
  if (status.ok() && log_ == nullptr) {
    status = MakeError(ErrorCode::kNotFound, "this server keeps no log");
  }
  if (!status.ok()) return call.reply(ErrorResponse(status));
  call.reply({.body = EncodeLogPage(log_->Read(*request))});
}

}  // namespace jaco::net
