// The audit log: who has done what to the cluster. As api.h, without a word of
// HTTP. It is replicated, and keeps the newest
// fsm::ClusterState::kAuditEventsMax events.

#ifndef JACO_SERVER_AUDIT_API_H_
#define JACO_SERVER_AUDIT_API_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "jaco/server/api.h"

namespace jaco::server {

inline constexpr uint64_t kAuditPageMax = 1'000;
inline constexpr uint64_t kAuditPageDefault = 100;

struct AuditEventInfo {
  uint64_t index = 0;    // of the write that caused it: of no other event
  std::string type;      // "token_issue", ...
  absl::Time time;       // by the clock of the leader of then
  std::string identity;  // who did it
  std::vector<std::pair<std::string, std::string>> payload;  // what, by key
};

// Events have to be as all of it says.
struct ListAuditRequest {
  uint64_t after = 0;                                 // a higher index
  absl::Time since = absl::InfinitePast();            // not older
  absl::Duration age_max = absl::InfiniteDuration();  // by this server's clock
  std::vector<std::string> types;      // one of these; empty: any
  uint64_t limit = kAuditPageDefault;  // so many at most
  // As this server knows it, also without a leader.
  bool stale = false;
};
struct ListAuditResponse {
  std::vector<AuditEventInfo> events;  // oldest first
  uint64_t index = 0;                  // of the state that was read
  // What `after` has to be to get what comes behind this: never less than the
  // one of the request.
  uint64_t next = 0;
  bool more = false;    // there is more already
  uint64_t oldest = 0;  // index of the oldest event that is kept; 0: none is
  // Events behind `after` may be gone: those up to there are, and as many as
  // are kept came since.
  bool gap = false;
};

// Loop thread.
class AuditApi {
 public:
  virtual ~AuditApi() = default;

  // Linearizable, unless it is to be stale. validation_failed for a type that
  // there is not, and a limit that is not 1 to kAuditPageMax; no_leader,
  // quorum_lost, timeout; not_a_member.
  virtual void ListEvents(const Caller& caller, ListAuditRequest request,
                          Reply<ListAuditResponse> reply) = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_AUDIT_API_H_
