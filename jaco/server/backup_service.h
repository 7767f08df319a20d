// What leaves a cluster as one file, and comes back: backups, which make a
// cluster again from nothing, and snapshots, which bring back an earlier state
// of the cluster that runs. docs/decisions/0016-backup-and-restore.md.

#ifndef JACO_SERVER_BACKUP_SERVICE_H_
#define JACO_SERVER_BACKUP_SERVICE_H_

#include <memory>
#include <string>

#include "jaco/server/api.h"
#include "jaco/server/backup_format.h"
#include "jaco/server/bootstrap_service.h"
#include "jaco/server/certificates.h"
#include "jaco/server/node.h"

namespace jaco::server {

// One archive at a time is made or taken in, whoever asks; others get
// rate_limited: each may be as large as the state, several times.
//
// Loop thread; what takes time is done on the snapshot lane.
class BackupService {
 public:
  // By how much a restored cluster is ahead of its backup: no entry of the
  // cluster that the backup was taken from has a term or an index as high.
  static constexpr uint64_t kRestoredTerms = 1'000'000'000;
  static constexpr uint64_t kRestoredIndexes = 1'000'000'000;

  BackupService(Node* node, Certificates* certificates,
                const BootstrapService* bootstrap)
      : node_(node), certificates_(certificates), bootstrap_(bootstrap) {}

  // See Api.
  void Backup(const Caller& caller, Reply<ArchiveResponse> reply);
  void SaveSnapshot(const Caller& caller, Reply<ArchiveResponse> reply);
  void Restore(const Caller& caller, RestoreRequest request,
               Reply<RestoreResponse> reply);
  void RestoreSnapshot(const Caller& caller, RestoreRequest request,
                       Reply<RestoreSnapshotResponse> reply);
  // An archive is on its way: where there is no cluster, a backup that makes
  // one.
  bool busy() const { return busy_; }

 private:
  struct Restoring;
  struct Uploading;

  // Takes the place of the one archive, which is given back with the answer.
  template <typename Response>
  Reply<Response> Occupy(Reply<Response> reply);
  void TakeArchive(const Caller& caller, fsm::ArchiveKind kind,
                   Reply<ArchiveResponse> reply);
  void Pack(fsm::ArchiveKind kind, Reply<ArchiveResponse> reply);
  absl::Status CheckMayRestore(const Caller& caller) const;
  // Decodes `archive` and looks at it on the snapshot lane.
  using Look = absl::AnyInvocable<absl::Status(BackupContent&)>;
  using Decoded = absl::AnyInvocable<void(absl::StatusOr<BackupContent>)>;
  void Decode(std::string archive, Look look, Decoded done);
  absl::Status PrepareRestore(BackupContent content, Restoring* restoring);
  void FoundRestored(std::shared_ptr<Restoring> restoring,
                     absl::Status prepared);
  void UploadNext(std::shared_ptr<Uploading> uploading);
  void GiveUp(std::shared_ptr<Uploading> uploading, absl::Status why);

  Node* const node_;
  Certificates* const certificates_;
  const BootstrapService* const bootstrap_;
  bool busy_ = false;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_BACKUP_SERVICE_H_
