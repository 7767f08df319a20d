// server::AuditApi as JSON. An event is {"index", "type", "ts", "identity",
// "payload": {...}}.

#ifndef JACO_NET_SANSIO_AUDIT_JSON_H_
#define JACO_NET_SANSIO_AUDIT_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "jaco/server/audit_api.h"

namespace jaco::net {

std::string EncodeAudit(const server::ListAuditResponse& response);
// kInternal when `body` is no such response.
absl::StatusOr<server::ListAuditResponse> DecodeAudit(absl::string_view body);

// One event, and a list of them.
std::string EncodeAuditEvent(const server::AuditEventInfo& event);
std::string EncodeAuditEvents(absl::Span<const server::AuditEventInfo> events);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_AUDIT_JSON_H_
