// GET /v1/audit?since=&type=&after=&limit=&stale

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/api_router.h"
#include "jaco/net/sansio/api_router_call.h"
#include "jaco/net/sansio/audit_json.h"
#include "jaco/net/sansio/json_fields.h"
#include "jaco/net/sansio/operator_json.h"
#include "jaco/net/sansio/query.h"
#include "jaco/server/audit_api.h"

namespace jaco::net {
namespace {

bool IsFinite(absl::Time time) {
  return time != absl::InfiniteFuture() && time != absl::InfinitePast();
}

// A time, or how long ago.
absl::Status ReadSince(const std::string& text,
                       server::ListAuditRequest* request) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error) &&
      IsFinite(time)) {
    request->since = time;
    return absl::OkStatus();
  }
  const auto age = ParseGoDuration(text);
  if (age.ok() && *age >= absl::ZeroDuration()) {
    request->age_max = *age;
    return absl::OkStatus();
  }
  return FieldError(
      "since", absl::StrCat("since: \"", absl::CHexEscape(text.substr(0, 64)),
                            "\" is neither a time, as 2026-01-02T15:04:05Z, "
                            "nor a duration, as 1h30m"));
}

absl::StatusOr<server::ListAuditRequest> ReadRequest(absl::string_view target) {
  const auto query = Query::Of(target);
  if (!query.ok()) return query.status();
  server::ListAuditRequest request;
  const auto after = query->Number("after");
  const auto limit = query->Number("limit");
  const auto stale = query->Flag("stale");
  absl::Status status = after.status();
  status.Update(limit.status());
  status.Update(stale.status());
  if (const auto since = query->First("since"); since && status.ok()) {
    status = ReadSince(*since, &request);
  }
  if (!status.ok()) return status;
  request.after = after->value_or(0);
  request.limit = limit->value_or(server::kAuditPageDefault);
  request.stale = *stale;
  for (const std::string& types : query->All("type")) {
    for (const absl::string_view type : absl::StrSplit(types, ',')) {
      request.types.emplace_back(type);
    }
  }
  return request;
}

}  // namespace

void ApiRouter::ListAudit(Call call) {
  auto request = ReadRequest(call.target);
  if (!request.ok()) return call.reply(ErrorResponse(request.status()));
  api_->audit().ListEvents(call.caller, *std::move(request),
                           Encoded(std::move(call.reply), EncodeAudit));
}

}  // namespace jaco::net
