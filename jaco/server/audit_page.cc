#include "jaco/server/audit_page.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

// "AUDIT_TYPE_TOKEN_ISSUE" is shown as "token_issue".
std::string ShownType(fsm::AuditType type) {
  return absl::AsciiStrToLower(
      absl::StripPrefix(fsm::AuditType_Name(type), "AUDIT_TYPE_"));
}

std::vector<fsm::AuditType> AllTypes() {
  std::vector<fsm::AuditType> types;
  for (int i = fsm::AuditType_MIN; i <= fsm::AuditType_MAX; ++i) {
    if (i != fsm::AUDIT_TYPE_UNSPECIFIED && fsm::AuditType_IsValid(i)) {
      types.push_back(static_cast<fsm::AuditType>(i));
    }
  }
  return types;
}

absl::StatusOr<std::set<fsm::AuditType>> TypesOf(
    const std::vector<std::string>& names) {
  const std::vector<fsm::AuditType> all = AllTypes();
  std::set<fsm::AuditType> types;
  for (const std::string& name : names) {
    const auto found = std::find_if(
        all.begin(), all.end(),
        [&](fsm::AuditType type) { return ShownType(type) == name; });
    if (found == all.end()) {
      return MakeError(
          ErrorCode::kValidationFailed,
          absl::StrCat("unknown type of audit event \"",
                       absl::CHexEscape(name.substr(0, 64)), "\"; known are: ",
                       absl::StrJoin(all, ", ",
                                     [](std::string* out, fsm::AuditType type) {
                                       out->append(ShownType(type));
                                     })));
    }
    types.insert(*found);
  }
  return types;
}

AuditEventInfo Shown(const fsm::AuditEvent& event) {
  AuditEventInfo info{.index = event.index(),
                      .type = ShownType(event.type()),
                      .time = absl::FromUnixMillis(event.time_unix_ms()),
                      .identity = event.identity(),
                      .payload = {}};
  for (const fsm::AuditDetail& detail : event.details()) {
    info.payload.emplace_back(detail.key(), detail.value());
  }
  return info;
}

}  // namespace

absl::Status CheckAuditRequest(const ListAuditRequest& request) {
  if (request.limit < 1 || request.limit > kAuditPageMax) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("the limit is 1 to ", kAuditPageMax, ", not ",
                                  request.limit));
  }
  return TypesOf(request.types).status();
}

ListAuditResponse AuditPageOf(const AuditLog& log,
                              const ListAuditRequest& request) {
  const auto types = TypesOf(request.types);
  const absl::Time since = std::max(request.since, log.now - request.age_max);
  ListAuditResponse page;
  page.index = log.applied;
  page.next = std::max(request.after, log.applied);
  page.oldest = log.events.empty() ? 0 : log.events.front().index();
  page.gap = request.after > 0 && request.after < page.oldest &&
             log.events.size() >= log.events_max;
  auto event =
      std::upper_bound(log.events.begin(), log.events.end(), request.after,
                       [](uint64_t after, const fsm::AuditEvent& e) {
                         return after < e.index();
                       });
  for (; event != log.events.end(); ++event) {
    if (absl::FromUnixMillis(event->time_unix_ms()) < since) continue;
    if (!types->empty() && types->count(event->type()) == 0) continue;
    if (page.events.size() == request.limit) {
      page.more = true;
      page.next = page.events.back().index;
      break;
    }
    page.events.push_back(Shown(*event));
  }
  return page;
}

}  // namespace jaco::server
