#include "jaco/server/audit_service.h"

#include <utility>

#include "jaco/base/error.h"
#include "jaco/server/audit_page.h"

namespace jaco::server {

void AuditService::ListEvents(const Caller& /*caller*/,
                              ListAuditRequest request,
                              Reply<ListAuditResponse> reply) {
  absl::Status status = CheckAuditRequest(request);
  if (status.ok() && request.stale) status = node_->Admit();
  if (!status.ok()) return node_->Refuse(std::move(status), std::move(reply));
  const bool stale = request.stale;
  auto answer = [this, request = std::move(request),
                 reply = std::move(reply)](absl::Status read) mutable {
    if (!read.ok()) return reply(std::move(read));
    reply(Page(request));
  };
  if (!stale) return node_->Read(std::move(answer));
  node_->env().loop->Post(
      [answer = std::move(answer)]() mutable { answer(absl::OkStatus()); });
}

absl::StatusOr<ListAuditResponse> AuditService::Page(
    const ListAuditRequest& request) const {
  const fsm::ClusterState& state = node_->state();
  if (!state.cluster().has_value()) {
    return MakeError(ErrorCode::kNoLeader,
                     "this server does not know the cluster's state yet");
  }
  return AuditPageOf({state.audit(), fsm::ClusterState::kAuditEventsMax,
                      state.applied().value(), node_->env().clock->WallNow()},
                     request);
}

}  // namespace jaco::server
