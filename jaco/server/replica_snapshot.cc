// Replica's part in snapshots: the state machine jumps.

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/server/replica.h"

namespace jaco::server {

Snapshots::Hooks Replica::SnapshotHooks() {
  return {.send =
              [this](raft::NodeId to, env::FramePtr frame) {
                const env::PeerAddress* address = AddressOf(to);
                if (address != nullptr) {
                  env_.network->Send(*address, std::move(frame));
                }
              },
          .install =
              [this](const storage::Snapshot& snapshot) {
                return InstallSnapshot(snapshot);
              },
          .fail = [this](const absl::Status& status) { Fail(status); },
          .pump = [this] { Pump(); }};
}

absl::Status Replica::InstallSnapshot(const storage::Snapshot& snapshot) {
  const raft::LogIndex index = snapshot.last.index;
  if (!raft_.CanInstallSnapshot(snapshot.last)) {
    return index <= raft_.commit()
               ? absl::OkStatus()
               : absl::FailedPreconditionError("of another term or role");
  }
  absl::Status status = machine_->RestoreSnapshot(snapshot.state);
  if (!status.ok()) {
    env_.logger->Write(LogLevel::kError, "snapshot", status.message());
    return status;
  }
  if (machine_->applied() != index) {
    status = absl::DataLossError(absl::StrCat(
        "the snapshot of index ", index.value(), " holds the state of index ",
        machine_->applied().value()));
    Fail(status);
    return status;
  }
  if (!MayGoOn()) return absl::CancelledError();
  JACO_CHECK(raft_.InstallSnapshot(env_.clock->Now(), snapshot.last,
                                   snapshot.configuration));
  FailProposalsUpTo(index);
  CollectEdits();
  applied_();
  FinishReads();
  Pump();
  return absl::OkStatus();
}

// Whether they are contained in the snapshot is not known.
void Replica::FailProposalsUpTo(raft::LogIndex index) {
  while (!proposals_.empty() && proposals_.begin()->first <= index) {
    auto node = proposals_.extract(proposals_.begin());
    node.mapped().done(
        MakeError(ErrorCode::kTimeout,
                  "this server was too far behind to see whether "
                  "the write took effect"));
  }
}

}  // namespace jaco::server
