#include "jaco/net/sansio/api_router.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/net/sansio/api_json.h"

namespace jaco::net {
namespace {

int HttpStatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kValidationFailed:
    case ErrorCode::kParseFailed:
      return 400;
    case ErrorCode::kTokenInvalid:
    case ErrorCode::kTokenRevoked:
      return 401;
    case ErrorCode::kJoinTokenInvalid:
    case ErrorCode::kJoinTokenExpired:
    case ErrorCode::kJoinTokenConsumed:
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kTokenNotFound:
    case ErrorCode::kNodeNotFound:
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kClusterAlreadyInitialized:
    case ErrorCode::kNodeAlreadyMember:
    case ErrorCode::kNotAMember:
    case ErrorCode::kConfigMismatch:
    case ErrorCode::kTokenExists:
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kRateLimited:
      return 429;
    case ErrorCode::kDataLoss:
    case ErrorCode::kInternal:
      return 500;
    case ErrorCode::kPeerUnreachable:
    case ErrorCode::kPeerUntrusted:
      return 502;
    case ErrorCode::kClusterUninitialized:
    case ErrorCode::kNoLeader:
    case ErrorCode::kQuorumLost:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kDiskFull:
      return 507;
  }
  return 500;
}

// Turns the reply of a service into one of HTTP.
template <typename Response>
server::Reply<Response> Encoded(HttpReply reply,
                                std::string (*encode)(const Response&)) {
  return [reply = std::move(reply),
          encode](absl::StatusOr<Response> response) mutable {
    reply(response.ok() ? HttpResponse{.body = encode(*response)}
                        : ErrorResponse(response.status()));
  };
}

// The body is an archive; the digest is as in RFC 3230.
server::Reply<server::ArchiveResponse> Archived(
    HttpReply reply, absl::string_view content_type) {
  return [reply = std::move(reply), content_type](
             absl::StatusOr<server::ArchiveResponse> response) mutable {
    if (!response.ok()) return reply(ErrorResponse(response.status()));
    std::string digest =
        absl::StrCat("sha-256=", absl::Base64Escape(response->sha256));
    reply({.body = std::move(response->archive),
           .content_type = content_type,
           .digest = std::move(digest)});
  };
}

// The socket's permissions are what makes an operator here.
bool IsLocal(const server::Caller& caller) {
  return caller.identity == server::Caller().identity;
}

// A name that came off the wire, fit for a message.
std::string Shown(absl::string_view text) {
  return absl::CHexEscape(text.substr(0, 128));
}

}  // namespace

struct ApiRouter::Call {
  const server::Caller& caller;
  std::string argument;  // the last segment of a path that ends in one
  absl::string_view body;
  HttpReply reply;
};

struct ApiRouter::Route {
  absl::string_view method;
  absl::string_view path;  // one that ends in '/' takes one more segment
  bool before_init;
  void (ApiRouter::*handler)(Call);

  bool Matches(absl::string_view target) const {
    if (!absl::EndsWith(path, "/")) return target == path;
    return absl::ConsumePrefix(&target, path) && !target.empty() &&
           !absl::StrContains(target, '/');
  }
};

const ApiRouter::Route ApiRouter::kRoutes[] = {
    {"POST", "/v1/cluster/init", true, &ApiRouter::Init},
    {"GET", "/v1/cluster/status", true, &ApiRouter::Status},
    {"GET", "/v1/health", true, &ApiRouter::Health},
    {"GET", "/v1/version", true, &ApiRouter::Version},
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
};

void ApiRouter::Handle(const HttpRequest& request, const server::Caller& caller,
                       HttpReply reply) {
  const absl::string_view path =
      request.target.substr(0, request.target.find('?'));
  const Route* route = nullptr;
  std::string allow;
  bool before_init = false;
  for (const Route& candidate : kRoutes) {
    if (!candidate.Matches(path)) continue;
    before_init = candidate.before_init;
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
  auto argument = PercentDecode(path.substr(route->path.size()));
  if (!argument.ok()) return reply(ErrorResponse(argument.status()));
  (this->*route->handler)(
      {caller, *std::move(argument), request.body, std::move(reply)});
}

absl::Status ApiRouter::CheckInitialized() const {
  switch (api_->lifecycle()) {
    case server::Lifecycle::kMember:
      return absl::OkStatus();
    case server::Lifecycle::kStarting:
      // Perhaps a member: worth a retry, which no_leader invites.
      return MakeError(ErrorCode::kNoLeader, "the server is starting");
    case server::Lifecycle::kFailed:
      return MakeError(ErrorCode::kInternal,
                       "the server has failed and stops; its log says why");
    case server::Lifecycle::kUninitialized:
    case server::Lifecycle::kCreating:
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
  api_->ListTokens(call.caller,
                   Encoded(std::move(call.reply), EncodeListTokensResponse));
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
        reply(response.ok() ? HttpResponse{.content_type = ""}
                            : ErrorResponse(response.status()));
      });
}

bool IsArchiveTarget(absl::string_view target) {
  target = target.substr(0, target.find('?'));
  return target == "/v1/cluster/backup" || target == "/v1/cluster/restore" ||
         target == "/v1/operator/snapshot";
}

void ApiRouter::Health(Call call) {
  call.reply({.body = EncodeHealth(api_->lifecycle())});
}

void ApiRouter::Version(Call call) {
  call.reply({.body = EncodeVersion(kVersion)});
}

HttpResponse ErrorResponse(const absl::Status& status) {
  return {.status = HttpStatusOf(CodeOf(status)), .body = EncodeError(status)};
}

absl::StatusOr<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const absl::string_view digits = text.substr(i + 1, 2);
    if (digits.size() != 2 || !absl::ascii_isxdigit(digits[0]) ||
        !absl::ascii_isxdigit(digits[1])) {
      return MakeError(ErrorCode::kValidationFailed,
                       absl::StrCat("broken escape in path: ", Shown(text)));
    }
    absl::StrAppend(&decoded, absl::HexStringToBytes(digits));
    i += 2;
  }
  return decoded;
}

std::string PercentEncode(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-._~", c)) {
      encoded.push_back(c);
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace jaco::net
