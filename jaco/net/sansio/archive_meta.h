// meta.json: what a backup or a snapshot says of itself. The first five fields
// are those of Nomad's snapshots.

#ifndef JACO_NET_SANSIO_ARCHIVE_META_H_
#define JACO_NET_SANSIO_ARCHIVE_META_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace jaco::net {

struct ArchiveMeta {
  uint64_t index = 0;  // of the last entry that is in the state
  uint64_t term = 0;   // at least that of this entry
  uint64_t size = 0;   // of state.bin
  std::string cluster_id;
  std::string cluster_name;
  std::string node_name;  // of the server that made it
  std::string jaco_version;
  absl::Time taken_at;  // whole milliseconds

  friend bool operator==(const ArchiveMeta&, const ArchiveMeta&) = default;
};

// "<term>-<index>-<milliseconds>".
std::string ArchiveIdOf(const ArchiveMeta& meta);

std::string EncodeArchiveMeta(const ArchiveMeta& meta);

// Fields that are not known are left alone. data_loss for what is no meta.json,
// validation_failed for a schema_version that this build does not know.
absl::StatusOr<ArchiveMeta> DecodeArchiveMeta(absl::string_view text);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_ARCHIVE_META_H_
