#include "jaco/net/sansio/bootstrap_router.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/bootstrap_json.h"
#include "jaco/net/sansio/http_error.h"

namespace jaco::net {
namespace {

// The second is how their documents have it once.
constexpr absl::string_view kPaths[] = {"/v1/bootstrap", "/v1/boostrap"};

HttpResponse Error(const absl::Status& status) {
  HttpResponse response = ErrorResponse(status);
  response.body = EncodeBootstrapError(status);
  return response;
}

HttpResponse NotAllowed(absl::string_view allow) {
  HttpResponse response = Error(
      MakeError(ErrorCode::kValidationFailed,
                absl::StrCat("the method is not allowed; allowed: ", allow)));
  response.status = 405;
  response.allow = std::string(allow);
  return response;
}

bool IsJson(absl::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(content_type),
                                "application/json");
}

// What follows /v1/bootstrap; nullopt for another path.
std::optional<absl::string_view> RestOf(absl::string_view path) {
  for (absl::string_view known : kPaths) {
    absl::string_view rest = path;
    if (!absl::ConsumePrefix(&rest, known)) continue;
    if (rest.empty() || rest.front() == '/') return rest;
  }
  return std::nullopt;
}

}  // namespace

bool BootstrapRouter::Knows(absl::string_view path) {
  return RestOf(path).has_value();
}

void BootstrapRouter::Handle(const HttpRequest& request,
                             const server::Caller& caller, HttpReply reply) {
  absl::string_view rest =
      *RestOf(request.target.substr(0, request.target.find('?')));
  if (rest.empty()) {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    return reads ? Report(std::move(reply)) : reply(NotAllowed("GET, HEAD"));
  }
  absl::ConsumePrefix(&rest, "/");
  const bool validate = absl::ConsumePrefix(&rest, "validate/");
  const auto action = server::BootstrapActionFromName(rest);
  if (!action) {
    return reply(Error(MakeError(ErrorCode::kNotFound,
                                 "no such action; there are create_cluster, "
                                 "join_cluster and recover_cluster")));
  }
  if (request.method != "POST") return reply(NotAllowed("POST"));
  // A page in somebody's browser cannot send this without asking first.
  if (!IsJson(request.content_type)) {
    HttpResponse response =
        Error(MakeError(ErrorCode::kValidationFailed,
                        "Content-Type: application/json is needed"));
    response.status = 415;
    return reply(std::move(response));
  }
  auto decoded = DecodeBootstrapRequest(*action, request.body);
  if (validate) return Validate(caller, std::move(decoded), std::move(reply));
  absl::Status status = decoded.status();
  if (status.ok()) {
    status = api_->bootstrap().Begin(caller, *std::move(decoded));
  }
  reply(status.ok() ? HttpResponse{} : Error(status));
}

void BootstrapRouter::Report(HttpReply reply) {
  api_->bootstrap().Report(
      [reply = std::move(reply)](
          const absl::StatusOr<server::BootstrapReport>& report) mutable {
        reply(report.ok() ? HttpResponse{.body = EncodeBootstrapReport(*report)}
                          : Error(report.status()));
      });
}

void BootstrapRouter::Validate(const server::Caller& caller,
                               absl::StatusOr<server::BootstrapRequest> request,
                               HttpReply reply) {
  constexpr int kNotAcceptable = 406;
  absl::Status status = request.status();
  if (status.ok()) status = api_->bootstrap().CheckMayBegin(caller, *request);
  const auto answer = [](const absl::Status& verdict) {
    return verdict.ok() ? HttpResponse{}
                        : HttpResponse{.status = kNotAcceptable,
                                       .body = EncodeBootstrapFailure(verdict)};
  };
  if (!status.ok()) {
    const bool about_it = CodeOf(status) == ErrorCode::kValidationFailed ||
                          CodeOf(status) == ErrorCode::kParseFailed ||
                          CodeOf(status) == ErrorCode::kJoinTokenInvalid;
    return reply(about_it ? answer(status) : Error(status));
  }
  api_->bootstrap().Validate(
      *std::move(request),
      [reply = std::move(reply), answer](const absl::Status& verdict) mutable {
        reply(answer(verdict));
      });
}

}  // namespace jaco::net
