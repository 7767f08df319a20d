// A second copy of what a server has promised: its term and vote, which are in
// the Raft log too. When the log is damaged, the newest of them may be in the
// bytes that are lost, and a server that forgot its term could help two
// leaders. FAST'18, "Protocol-Aware Recovery for Consensus-Based Storage",
// §3.4.
//
// The file is <log directory>/promise; docs/formats.md has the layout.

#ifndef JACO_STORAGE_PROMISE_H_
#define JACO_STORAGE_PROMISE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"
#include "jaco/raft/types.h"

namespace jaco::storage {

struct Promise {
  raft::HardState hard_state;
  // The only voter of the newest configuration; kNoNode when there are others,
  // or none is known.
  raft::NodeId sole_voter;
  // Where the log was last found damaged; segment 0: nowhere in it. For
  // messages only.
  uint64_t damaged_segment = 0;
  uint64_t damaged_offset = 0;

  friend bool operator==(const Promise&, const Promise&) = default;
};

class PromiseFile {
 public:
  explicit PromiseFile(absl::string_view log_directory);

  const std::string& path() const { return path_; }

  // nullopt when there is none, or both copies in it are damaged. After a write
  // that was cut off it is that of before or after. kFailedPrecondition for
  // another format version, and errors of `fs`.
  absl::StatusOr<std::optional<Promise>> Load(env::FileSystem& fs) const;

  // Durable on return: one write and one sync. Room for it is made by the first
  // call, which is the only one to fail for want of room.
  absl::Status Store(env::FileSystem& fs, const Promise& promise);

 private:
  absl::Status Open(env::FileSystem& fs);

  const std::string directory_;
  const std::string path_;
  std::unique_ptr<env::File> file_;
};

}  // namespace jaco::storage

#endif  // JACO_STORAGE_PROMISE_H_
