// A page of the audit log: which events fit a request, and where the next page
// begins.

#ifndef JACO_SERVER_AUDIT_PAGE_H_
#define JACO_SERVER_AUDIT_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/server/audit_api.h"

namespace jaco::server {

// The log as one server has it.
struct AuditLog {
  const std::deque<fsm::AuditEvent>& events;
  size_t events_max = 0;  // so many it keeps
  uint64_t applied = 0;   // the state's index
  absl::Time now;
};

// validation_failed, as AuditApi says.
absl::Status CheckAuditRequest(const ListAuditRequest& request);
// `request` has been checked.
ListAuditResponse AuditPageOf(const AuditLog& log,
                              const ListAuditRequest& request);

}  // namespace jaco::server

#endif  // JACO_SERVER_AUDIT_PAGE_H_
