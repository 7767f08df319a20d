// What is in a backup, and in a snapshot, as members of an archive:
//
//   meta.json    net/sansio/archive_meta.h
//   state.bin    the state machine's snapshot (fsm/snapshot.h)
//   keyring.bin  in a backup only: Keyring::Encode, a secret; empty for a
//                cluster that has no authority

#ifndef JACO_SERVER_BACKUP_FORMAT_H_
#define JACO_SERVER_BACKUP_FORMAT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/net/sansio/archive_meta.h"

namespace jaco::server {

struct BackupContent {
  net::ArchiveMeta meta;  // `size` is filled in
  std::string state;
  std::optional<std::string> keyring;  // nullopt: a snapshot
};

// too_large.
absl::StatusOr<std::string> EncodeBackup(BackupContent content);

// data_loss for what is no such archive, or says two things; validation_failed
// for a version that this build does not know; too_large. Whether the state can
// be loaded is another matter.
absl::StatusOr<BackupContent> DecodeBackup(absl::string_view archive);

}  // namespace jaco::server

#endif  // JACO_SERVER_BACKUP_FORMAT_H_
