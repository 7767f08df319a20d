// Who a data directory belongs to: written once, when a server becomes a
// member, and read at every start.

#ifndef JACO_STORAGE_IDENTITY_H_
#define JACO_STORAGE_IDENTITY_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"
#include "jaco/raft/types.h"

namespace jaco::storage {

struct Identity {
  raft::NodeId node_id;
  std::string node_name;

  friend bool operator==(const Identity&, const Identity&) = default;
};

// nullopt when `data_directory` holds none. kDataLoss for a damaged file,
// kFailedPrecondition for another format version, and the errors of `fs`.
absl::StatusOr<std::optional<Identity>> LoadIdentity(
    env::FileSystem& fs, absl::string_view data_directory);

// Replaces it atomically and durably: after an error, or a crash, Load finds
// the old or the new one.
absl::Status StoreIdentity(env::FileSystem& fs,
                           absl::string_view data_directory,
                           const Identity& identity);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_IDENTITY_H_
