// Who a data directory belongs to: written when a server becomes a member (and
// when an operator says by peers.json where it is), read at every start.

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

// The address that an operator has given this server by peers.json, as long as
// the server has nothing to say but what it said before.
struct Placement {
  std::string address;
  std::string instead_of;  // what the server's settings say

  friend bool operator==(const Placement&, const Placement&) = default;
};

struct Identity {
  raft::NodeId node_id;
  std::string node_name;
  std::optional<Placement> placement = {};
  // Whether some start had raft::Options::lease_reads; see
  // raft::RestoredState::leases_promised.
  bool leases_promised = false;

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
