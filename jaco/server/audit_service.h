// `jaco audit`: the replicated audit log, in pages.

#ifndef JACO_SERVER_AUDIT_SERVICE_H_
#define JACO_SERVER_AUDIT_SERVICE_H_

#include "absl/status/statusor.h"
#include "jaco/server/audit_api.h"
#include "jaco/server/node.h"

namespace jaco::server {

// Loop thread.
class AuditService final : public AuditApi {
 public:
  explicit AuditService(Node* node) : node_(node) {}

  void ListEvents(const Caller& caller, ListAuditRequest request,
                  Reply<ListAuditResponse> reply) override;

 private:
  // no_leader while nothing of the cluster is known.
  absl::StatusOr<ListAuditResponse> Page(const ListAuditRequest& request) const;

  Node* const node_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_AUDIT_SERVICE_H_
