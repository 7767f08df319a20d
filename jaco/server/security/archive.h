// The container of backups and snapshots: a gzipped tar of named members, the
// last of which, SHA256SUMS, vouches for the others. `tar tzf` lists it,
// `sha256sum -c` checks it. docs/formats.md has the layout.

#ifndef JACO_SERVER_SECURITY_ARCHIVE_H_
#define JACO_SERVER_SECURITY_ARCHIVE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::server {

struct ArchiveMember {
  std::string name;
  std::string bytes;

  friend bool operator==(const ArchiveMember&, const ArchiveMember&) = default;
};

// Of an archive, and of what is in it.
inline constexpr size_t kArchiveBytesMax = size_t{256} << 20;
inline constexpr size_t kArchiveMembersMax = 16;

// Raw SHA-256, 32 bytes.
std::string Sha256(absl::string_view bytes);

// `members` have different names of 1 to 64 bytes of [a-zA-Z0-9._-], none of
// them SHA256SUMS. too_large.
absl::StatusOr<std::string> EncodeArchive(
    const std::vector<ArchiveMember>& members);

// The members, in their order. Takes some kArchiveBytesMax of memory at most,
// whatever `bytes` are. data_loss for anything that EncodeArchive has not
// written, but that it may be compressed otherwise; too_large.
absl::StatusOr<std::vector<ArchiveMember>> DecodeArchive(
    absl::string_view bytes);

}  // namespace jaco::server

#endif  // JACO_SERVER_SECURITY_ARCHIVE_H_
