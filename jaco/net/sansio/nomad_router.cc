#include "jaco/net/sansio/nomad_router.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/net/sansio/http_error.h"
#include "jaco/net/sansio/operator_json.h"

namespace jaco::net {
namespace {

HttpResponse PlainText(int status, absl::string_view text) {
  return {.status = status,
          .body = std::string(text),
          .content_type = "text/plain; charset=utf-8"};
}

// Nomad's word for the states in which there is nobody to ask.
bool IsLeaderless(ErrorCode code) {
  return code == ErrorCode::kNoLeader || code == ErrorCode::kQuorumLost ||
         code == ErrorCode::kClusterUninitialized;
}

HttpResponse NomadError(const absl::Status& status) {
  const ErrorCode code = CodeOf(status);
  if (IsLeaderless(code)) return PlainText(500, "No cluster leader");
  switch (code) {
    case ErrorCode::kValidationFailed:
    case ErrorCode::kParseFailed:
      return PlainText(400, status.message());
    case ErrorCode::kPermissionDenied:
      return PlainText(403, "Permission denied");
    case ErrorCode::kTooLarge:
      return PlainText(413, status.message());
    case ErrorCode::kRateLimited:
      return PlainText(429, status.message());
    default:
      return PlainText(500, status.message());
  }
}

// From `?id=` or `?address=`, with Nomad's words for what is wrong.
absl::StatusOr<server::PeerSelector> ReadSelector(const Query& query,
                                                  absl::string_view none,
                                                  absl::string_view both) {
  const auto invalid = [](absl::string_view message) {
    return MakeError(ErrorCode::kValidationFailed, message);
  };
  const auto& ids = query.All("id");
  const auto& addresses = query.All("address");
  if (ids.empty() && addresses.empty()) return invalid(none);
  if (!ids.empty() && !addresses.empty()) return invalid(both);
  const bool by_id = !ids.empty();
  const auto& values = by_id ? ids : addresses;
  const absl::string_view what = by_id ? "id" : "address";
  if (values.size() > 1) {
    return invalid(absl::StrCat("must specify only one ", what));
  }
  if (values.front().empty()) {
    return invalid(absl::StrCat(what, " must be non-empty"));
  }
  server::PeerSelector selector;
  const std::string shown = absl::CHexEscape(values.front().substr(0, 128));
  if (by_id) {
    // Ours are numbers, not UUIDs.
    if (!absl::SimpleAtoi(values.front(), &selector.id) || selector.id == 0) {
      return invalid(absl::StrCat("id must be a number: \"", shown, "\""));
    }
    return selector;
  }
  if (!ParseHostPort(values.front()).ok()) {
    return invalid(
        absl::StrCat("address must be in IP:port format: \"", shown, "\""));
  }
  selector.address = values.front();
  return selector;
}

}  // namespace

struct NomadRouter::Call {
  const server::Caller& caller;
  const Query& query;
  absl::string_view body;
  bool wants_json;
  HttpReply reply;

  void Fail(const absl::Status& status) {
    reply(wants_json ? ErrorResponse(status) : NomadError(status));
  }

  // Turns an answer of the API into one of HTTP. In Nomad's words an unknown
  // peer is `not_found_status`.
  template <typename Response, typename Encode>
  server::Reply<Response> Encoded(Encode encode, int not_found_status = 500) {
    return [reply = std::move(reply), wants_json = wants_json, encode,
            not_found_status](absl::StatusOr<Response> response) mutable {
      if (response.ok()) return reply(encode(*response));
      const absl::Status& status = response.status();
      if (wants_json) return reply(ErrorResponse(status));
      if (CodeOf(status) == ErrorCode::kNodeNotFound) {
        return reply(PlainText(not_found_status, status.message()));
      }
      reply(NomadError(status));
    };
  }
};

// Whether a read is answered from what this server knows.
enum class NomadRouter::Local { kNo, kIfStale, kYes };

struct NomadRouter::Route {
  absl::string_view method;
  absl::string_view path;
  // What Nomad says to other methods.
  int other_method;
  void (NomadRouter::*handler)(Call);
  Local local = Local::kNo;
};

const NomadRouter::Route NomadRouter::kRoutes[] = {
    {"GET", "/v1/operator/raft/configuration", 405, &NomadRouter::ListPeers,
     Local::kIfStale},
    {"DELETE", "/v1/operator/raft/peer", 404, &NomadRouter::RemovePeer},
    {"PUT", "/v1/operator/raft/transfer-leadership", 405,
     &NomadRouter::TransferLeadership},
    {"POST", "/v1/operator/raft/transfer-leadership", 405,
     &NomadRouter::TransferLeadership},
    {"GET", "/v1/operator/autopilot/configuration", 404,
     &NomadRouter::GetAutopilot, Local::kIfStale},
    {"PUT", "/v1/operator/autopilot/configuration", 404,
     &NomadRouter::SetAutopilot},
    {"GET", "/v1/operator/autopilot/health", 404, &NomadRouter::Health},
    {"GET", "/v1/status/leader", 405, &NomadRouter::StatusLeader, Local::kYes},
    {"GET", "/v1/status/peers", 405, &NomadRouter::StatusPeers, Local::kYes},
    {"GET", "/v1/agent/members", 405, &NomadRouter::AgentMembers, Local::kYes},
    {"GET", "/v1/agent/self", 405, &NomadRouter::AgentSelf, Local::kYes},
    {"GET", "/v1/regions", 405, &NomadRouter::Regions, Local::kYes},
};

bool NomadRouter::Knows(absl::string_view path) {
  return std::any_of(std::begin(kRoutes), std::end(kRoutes),
                     [&](const Route& route) { return route.path == path; });
}

bool NomadRouter::IsLocalRead(absl::string_view method,
                              absl::string_view target) {
  const absl::string_view path = target.substr(0, target.find('?'));
  const auto route = std::find_if(
      std::begin(kRoutes), std::end(kRoutes), [&](const Route& candidate) {
        return candidate.method == method && candidate.path == path;
      });
  if (route == std::end(kRoutes)) return false;
  if (route->local != Local::kIfStale) return route->local == Local::kYes;
  const auto query = Query::Of(target);
  return query.ok() && query->Flag("stale").value_or(false);
}

void NomadRouter::Handle(const HttpRequest& request,
                         const server::Caller& caller, HttpReply reply) {
  const auto query = Query::Of(request.target);
  const absl::string_view path =
      request.target.substr(0, request.target.find('?'));
  int other_method = 405;
  for (const Route& route : kRoutes) {
    if (route.path != path) continue;
    other_method = route.other_method;
    if (route.method != request.method) continue;
    Call call{caller, query.ok() ? *query : Query(), request.body,
              request.wants_json, std::move(reply)};
    if (!query.ok()) return call.Fail(query.status());
    // Each opens one door, which is not here.
    if (!caller.join_token_hash.empty() || caller.bootstrap_peer ||
        caller.anonymous) {
      return call.Fail(MakeError(ErrorCode::kPermissionDenied,
                                 "this credential is good for joining only"));
    }
    return (this->*route.handler)(std::move(call));
  }
  HttpResponse refusal = PlainText(other_method, "Invalid method");
  if (request.wants_json) {
    refusal = ErrorResponse(MakeError(ErrorCode::kValidationFailed,
                                      "the method is not allowed here"));
    refusal.status = other_method;
  }
  reply(std::move(refusal));
}

void NomadRouter::ListPeers(Call call) {
  const auto stale = call.query.Flag("stale");
  if (!stale.ok()) return call.Fail(stale.status());
  api_->operators().ListPeers(
      call.caller, *stale,
      call.Encoded<server::RaftPeers>([](const server::RaftPeers& peers) {
        return HttpResponse{.body = EncodeRaftConfiguration(peers)};
      }));
}

void NomadRouter::RemovePeer(Call call) {
  auto peer = ReadSelector(call.query, "Must specify the peer's ID to remove",
                           "Must specify only one of ?id or ?address");
  if (!peer.ok()) return call.Fail(peer.status());
  api_->operators().RemovePeer(
      call.caller, *std::move(peer),
      call.Encoded<server::RaftPeer>(
          [](const server::RaftPeer&) { return HttpResponse(); }));
}

void NomadRouter::TransferLeadership(Call call) {
  auto to = ReadSelector(call.query, "must specify id or address",
                         "must specify either id or address");
  if (!to.ok()) return call.Fail(to.status());
  api_->operators().TransferLeadership(
      call.caller, *std::move(to),
      call.Encoded<server::TransferResponse>(
          [](const server::TransferResponse& response) {
            return HttpResponse{.body = EncodeTransfer(response)};
          },
          /*not_found_status=*/400));
}

void NomadRouter::GetAutopilot(Call call) {
  const auto stale = call.query.Flag("stale");
  if (!stale.ok()) return call.Fail(stale.status());
  api_->operators().GetAutopilot(
      call.caller, *stale,
      call.Encoded<server::AutopilotSettings>(
          [](const server::AutopilotSettings& settings) {
            return HttpResponse{.body = EncodeAutopilot(settings)};
          }));
}

void NomadRouter::SetAutopilot(Call call) {
  auto settings = DecodeAutopilot(call.body);
  if (!settings.ok()) {
    return call.Fail(MakeError(CodeOf(settings.status()),
                               absl::StrCat("Error parsing autopilot config: ",
                                            settings.status().message())));
  }
  const auto cas = call.query.Number("cas");
  if (!cas.ok()) {
    return call.Fail(MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat("Error parsing cas value: strconv.ParseUint: parsing \"",
                     absl::CHexEscape(*call.query.First("cas")),
                     "\": invalid syntax")));
  }
  // That somebody else was first is an answer, not an error.
  api_->operators().SetAutopilot(
      call.caller, {*std::move(settings), *cas},
      [answer = call.Encoded<bool>([](bool updated) {
        return HttpResponse{.body = updated ? "true" : "false"};
      })](absl::StatusOr<server::AutopilotSettings> set) mutable {
        if (set.ok()) return answer(true);
        if (CodeOf(set.status()) == ErrorCode::kConflict) return answer(false);
        answer(set.status());
      });
}

void NomadRouter::Health(Call call) {
  api_->operators().Health(call.caller,
                           call.Encoded<server::AutopilotHealth>(
                               [](const server::AutopilotHealth& health) {
                                 return HttpResponse{
                                     .status = health.healthy ? 200 : 429,
                                     .body = EncodeAutopilotHealth(health)};
                               }));
}

void NomadRouter::StatusLeader(Call call) {
  const server::AgentInfo info = api_->operators().Agent();
  if (info.leader_address.empty()) {
    return call.Fail(MakeError(ErrorCode::kNoLeader, "no leader is known"));
  }
  call.reply({.body = EncodeStatusLeader(info)});
}

void NomadRouter::StatusPeers(Call call) {
  call.reply({.body = EncodeStatusPeers(api_->operators().Agent())});
}

void NomadRouter::AgentMembers(Call call) {
  call.reply({.body = EncodeAgentMembers(api_->operators().Agent())});
}

void NomadRouter::AgentSelf(Call call) {
  call.reply({.body = EncodeAgentSelf(api_->operators().Agent())});
}

void NomadRouter::Regions(Call call) { call.reply({.body = EncodeRegions()}); }

}  // namespace jaco::net
