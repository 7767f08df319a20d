#include "jaco/server/backup_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/base/version.h"
#include "jaco/fsm/validate.h"
#include "jaco/server/security/archive.h"
#include "jaco/server/security/token.h"

namespace jaco::server {
namespace {

absl::Status NotPrivileged() {
  return MakeError(ErrorCode::kPermissionDenied,
                   "a privileged token is needed (`jaco token issue "
                   "--allow-privileged`), or the unix socket");
}

absl::Status Busy() {
  return MakeError(ErrorCode::kRateLimited,
                   "another backup, snapshot or restore is under way on this "
                   "server; retry when it is through");
}

// The node's own word for itself in the cluster that it brings back.
fsm::Node OurNode(const ServerOptions& options, raft::NodeId self) {
  fsm::Node node;
  node.set_id(self.value());
  node.set_name(options.node_name);
  node.set_address(options.peer_address);
  node.set_status(fsm::NODE_STATUS_READY);
  node.set_version(options.version);
  node.set_feature_level(options.feature_level);
  return node;
}

}  // namespace

template <typename Response>
Reply<Response> BackupService::Occupy(Reply<Response> reply) {
  busy_ = true;
  return [this,
          reply = std::move(reply)](absl::StatusOr<Response> response) mutable {
    busy_ = false;
    reply(std::move(response));
  };
}

// ---- Out.

void BackupService::Backup(const Caller& caller, Reply<ArchiveResponse> reply) {
  TakeArchive(caller, fsm::ARCHIVE_KIND_BACKUP, std::move(reply));
}

void BackupService::SaveSnapshot(const Caller& caller,
                                 Reply<ArchiveResponse> reply) {
  TakeArchive(caller, fsm::ARCHIVE_KIND_SNAPSHOT, std::move(reply));
}

// First the trace in the audit log, then what it is of. The read after it waits
// until this server has applied all that was committed when the call came.
void BackupService::TakeArchive(const Caller& caller, fsm::ArchiveKind kind,
                                Reply<ArchiveResponse> reply) {
  if (!caller.privileged) {
    return node_->Refuse(NotPrivileged(), std::move(reply));
  }
  if (busy_) return node_->Refuse(Busy(), std::move(reply));
  fsm::Command command;
  command.mutable_archive_take()->set_kind(kind);
  node_->Propose(
      caller, std::move(command),
      [this, kind, reply = Occupy(std::move(reply))](
          const absl::StatusOr<std::string>& noted, raft::LogIndex) mutable {
        if (!noted.ok()) return reply(noted.status());
        node_->Read(
            [this, kind, reply = std::move(reply)](absl::Status read) mutable {
              if (!read.ok()) return reply(std::move(read));
              Pack(kind, std::move(reply));
            });
      });
}

void BackupService::Pack(fsm::ArchiveKind kind, Reply<ArchiveResponse> reply) {
  const fsm::Cluster& cluster = *node_->state().cluster();
  BackupContent content;
  content.meta.index = node_->state().applied().value();
  content.meta.term = node_->raft()->term().value();
  content.meta.cluster_id = cluster.id();
  content.meta.cluster_name = cluster.name();
  content.meta.node_name = node_->name();
  content.meta.jaco_version = std::string(kVersion);
  content.meta.taken_at = node_->env().clock->WallNow();
  if (kind == fsm::ARCHIVE_KIND_BACKUP) {
    const Keyring* keyring = certificates_->keyring();
    content.keyring = keyring == nullptr ? "" : keyring->Encode();
  }
  auto response = std::make_shared<ArchiveResponse>();
  node_->env().disk->Submit(
      env::Lane::kSnapshot,
      [response, content = std::move(content),
       state = node_->state().TakeSnapshot()](env::FileSystem&) mutable {
        content.state = state();
        auto archive = EncodeBackup(std::move(content));
        if (!archive.ok()) return archive.status();
        response->archive = *std::move(archive);
        response->sha256 = Sha256(response->archive);
        return absl::OkStatus();
      },
      [response, reply = std::move(reply)](absl::Status status) mutable {
        if (!status.ok()) return reply(std::move(status));
        reply(std::move(*response));
      });
}

void BackupService::Decode(std::string archive, Look look, Decoded done) {
  auto content = std::make_shared<BackupContent>();
  node_->env().disk->Submit(
      env::Lane::kSnapshot,
      [content, archive = std::move(archive),
       look = std::move(look)](env::FileSystem&) mutable {
        auto decoded = DecodeBackup(archive);
        if (!decoded.ok()) return decoded.status();
        *content = *std::move(decoded);
        return look(*content);
      },
      [content, done = std::move(done)](absl::Status status) mutable {
        if (!status.ok()) return done(std::move(status));
        done(std::move(*content));
      });
}

// ---- A cluster from nothing.

struct BackupService::Restoring {
  std::unique_ptr<fsm::ClusterState> state;
  raft::NodeId self;
  RestoredCluster cluster;
  std::optional<Secrets> secrets;
  RestoreResponse response;
  Reply<RestoreResponse> reply;
};

absl::Status BackupService::CheckMayRestore(const Caller& caller) const {
  if (!caller.privileged) return NotPrivileged();
  if (node_->lifecycle() != Lifecycle::kUninitialized) {
    return MakeError(ErrorCode::kClusterAlreadyInitialized,
                     "this server is or becomes a member of a cluster; a "
                     "backup is restored on a fresh one");
  }
  if (busy_) return Busy();
  absl::Status status = bootstrap_->CheckMayInit();
  if (!status.ok()) return status;
  const ServerOptions& options = node_->options();
  status = fsm::ValidateName("node name", options.node_name);
  return status.ok() ? fsm::ValidateAddress(options.peer_address) : status;
}

void BackupService::Restore(const Caller& caller, RestoreRequest request,
                            Reply<RestoreResponse> reply) {
  absl::Status may = CheckMayRestore(caller);
  if (!may.ok()) return node_->Refuse(std::move(may), std::move(reply));
  auto restoring = std::make_shared<Restoring>();
  restoring->reply = Occupy(std::move(reply));
  Decode(
      std::move(request.archive),
      [restoring, limits = node_->options().state](BackupContent& content) {
        restoring->state = std::make_unique<fsm::ClusterState>(limits);
        return restoring->state->RestoreSnapshot(content.state);
      },
      [this, restoring](absl::StatusOr<BackupContent> content) {
        absl::Status status = content.status();
        if (status.ok()) {
          status = PrepareRestore(*std::move(content), restoring.get());
        }
        if (!status.ok()) return restoring->reply(std::move(status));
        node_->env().disk->Submit(
            env::Lane::kSnapshot,
            [restoring](env::FileSystem&) {
              restoring->cluster.snapshot.state =
                  restoring->state->TakeSnapshot()();
              restoring->state.reset();
              return absl::OkStatus();
            },
            [this, restoring](absl::Status encoded) {
              FoundRestored(restoring, std::move(encoded));
            });
      });
}

// Makes all that is to be written but the state's bytes; nothing is written
// yet.
absl::Status BackupService::PrepareRestore(BackupContent content,
                                           Restoring* restoring) {
  if (!content.keyring) {
    return MakeError(ErrorCode::kValidationFailed,
                     "this is a snapshot, which lacks the cluster's keys; a "
                     "cluster is restored from a backup");
  }
  fsm::ClusterState& state = *restoring->state;
  const net::ArchiveMeta& meta = content.meta;
  // What people see must be what they get.
  constexpr uint64_t kSane = uint64_t{1} << 60;
  if (!state.cluster().has_value() ||
      meta.cluster_id != state.cluster()->id() ||
      meta.index != state.applied().value() || meta.index > kSane ||
      meta.term > kSane) {
    return MakeError(ErrorCode::kDataLoss,
                     "meta.json and state.bin are of different backups");
  }
  const env::Environment& env = node_->env();
  // Never one of before: servers of the old cluster, which may still run, know
  // nobody of the new.
  restoring->self = raft::NodeId(NewNodeId(*env.entropy));
  while (state.nodes().contains(restoring->self.value()) ||
         state.removed().contains(restoring->self.value())) {
    restoring->self = raft::NodeId(NewNodeId(*env.entropy));
  }
  fsm::Node node = OurNode(node_->options(), restoring->self);
  if (!state.cluster()->authorities().empty() && env.pki != nullptr) {
    auto keyring = Keyring::Decode(*content.keyring);
    if (!keyring.ok()) return keyring.status();
    auto secrets = certificates_->CreateFor(
        *state.cluster(), *std::move(keyring), restoring->self);
    if (!secrets.ok()) return secrets.status();
    node.set_certificate_fingerprint(
        env.pki->Fingerprint(secrets->credentials.certificates).value_or(""));
    restoring->cluster.secrets = certificates_->Encode(*secrets);
    restoring->secrets = *std::move(secrets);
  }
  const raft::LogIndex index(meta.index + kRestoredIndexes);
  absl::Status status =
      state.BeginAnew(index, node, absl::ToUnixMillis(env.clock->WallNow()));
  if (!status.ok()) return status;
  storage::Snapshot& snapshot = restoring->cluster.snapshot;
  snapshot.last = {raft::Term(meta.term + kRestoredTerms), index};
  snapshot.configuration.voters = {restoring->self};
  snapshot.configuration.addresses = {
      {restoring->self, node_->options().peer_address}};
  restoring->response = {.cluster_id = state.cluster()->id(),
                         .cluster_name = state.cluster()->name(),
                         .backup_index = meta.index,
                         .index = index.value(),
                         .taken_at = meta.taken_at};
  return absl::OkStatus();
}

void BackupService::FoundRestored(std::shared_ptr<Restoring> restoring,
                                  absl::Status prepared) {
  // The server may have promised another to found, meanwhile.
  if (prepared.ok()) prepared = bootstrap_->CheckMayInit();
  if (!prepared.ok()) return restoring->reply(std::move(prepared));
  node_->Restore(restoring->self, std::move(restoring->cluster),
                 [this, restoring](absl::Status status) {
                   if (!status.ok()) return restoring->reply(std::move(status));
                   if (restoring->secrets) {
                     certificates_->Adopt(*std::move(restoring->secrets));
                   }
                   restoring->reply(std::move(restoring->response));
                 });
}

// ---- An earlier state of the cluster that runs.

struct BackupService::Uploading {
  Caller caller;
  std::string id;
  std::string state;
  size_t sent = 0;
  Reply<RestoreSnapshotResponse> reply;
};

void BackupService::RestoreSnapshot(const Caller& caller,
                                    RestoreRequest request,
                                    Reply<RestoreSnapshotResponse> reply) {
  absl::Status may = node_->Admit();
  if (may.ok() && !caller.privileged) may = NotPrivileged();
  if (may.ok() && busy_) may = Busy();
  if (!may.ok()) return node_->Refuse(std::move(may), std::move(reply));
  auto uploading = std::make_shared<Uploading>();
  uploading->caller = caller;
  uploading->id = NewUuid(*node_->env().entropy);
  uploading->reply = Occupy(std::move(reply));
  // What is refused at the end of the log is refused here.
  Decode(
      std::move(request.archive),
      [check = node_->state().CheckRestore()](BackupContent& content) {
        return check(content.state);
      },
      [this, uploading](absl::StatusOr<BackupContent> content) {
        absl::Status status = content.status();
        if (absl::IsUnimplemented(status)) {
          status = MakeError(ErrorCode::kValidationFailed, status.message());
        }
        if (!status.ok()) {
          return uploading->reply(std::move(status));
        }
        uploading->state = std::move(content->state);
        UploadNext(uploading);
      });
}

void BackupService::UploadNext(std::shared_ptr<Uploading> uploading) {
  fsm::Command command;
  fsm::RestorePiece& piece = *command.mutable_state_restore()->mutable_piece();
  piece.set_restore_id(uploading->id);
  piece.set_offset(uploading->sent);
  piece.set_total(uploading->state.size());
  piece.set_data(uploading->state.substr(uploading->sent,
                                         node_->options().restore_piece_bytes));
  uploading->sent += piece.data().size();
  node_->Propose(uploading->caller, std::move(command),
                 [this, uploading](const absl::StatusOr<std::string>& result,
                                   raft::LogIndex index) {
                   if (!result.ok()) return GiveUp(uploading, result.status());
                   if (uploading->sent < uploading->state.size()) {
                     return UploadNext(uploading);
                   }
                   uploading->reply(RestoreSnapshotResponse{index.value()});
                 });
}

// Pieces that nobody will complete take room in the state; where that cannot be
// helped now, the next restore does it.
void BackupService::GiveUp(std::shared_ptr<Uploading> uploading,
                           absl::Status why) {
  if (CodeOf(why) != ErrorCode::kConflict) {
    fsm::Command command;
    command.mutable_state_restore()->mutable_piece()->set_restore_id(
        uploading->id);
    node_->Propose(uploading->caller, std::move(command),
                   [](const absl::StatusOr<std::string>&, raft::LogIndex) {});
  }
  uploading->reply(std::move(why));
}

}  // namespace jaco::server
