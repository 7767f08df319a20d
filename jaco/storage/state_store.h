// Where applied state waits out a restart: rows of key and value, with the
// index of the last entry applied to them. It may lag behind memory: the Raft
// log brings back whatever was applied after the last flush.

#ifndef JACO_STORAGE_STATE_STORE_H_
#define JACO_STORAGE_STATE_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "jaco/env/file_system.h"
#include "jaco/raft/types.h"

namespace jaco::storage {

struct Row {
  std::string key;
  std::string value;

  friend bool operator==(const Row&, const Row&) = default;
};

struct RowChange {
  std::string key;
  std::optional<std::string> value;  // nullopt removes the row
};

struct StoredState {
  raft::LogIndex applied;
  std::vector<Row> rows;  // by key
};

// Not thread-safe: lives on the apply lane.
class StateStore {
 public:
  virtual ~StateStore() = default;

  // Errors of every call: kDataLoss for damage, naming the file, and those of
  // the file system; Load also kFailedPrecondition for a format version that
  // this build does not know. After an error the store is of no more use: every
  // later call gives it again.

  virtual absl::StatusOr<StoredState> Load() = 0;

  // Atomically makes the changes, in their order, and sets the applied index.
  // Seen by Load at once, durable after Flush; a store may flush by itself.
  virtual absl::Status Write(absl::Span<const RowChange> changes,
                             raft::LogIndex applied) = 0;

  // Makes every earlier Write durable.
  virtual absl::Status Flush() = 0;

  // The applied index that a restart is sure to find.
  virtual raft::LogIndex durable() const = 0;
};

// RocksDB without a write-ahead log, over `fs`, on the calling thread only: the
// same calls make the same file operations. `directory` is created when
// missing; its parent exists. `fs` outlives the store. kFailedPrecondition when
// another store has the directory. Closing does not flush.
absl::StatusOr<std::unique_ptr<StateStore>> OpenRocksDbStateStore(
    env::FileSystem& fs, const std::string& directory);

// What such a store holds, without changing anything: `fs` may be read-only.
// Errors as of Load.
absl::StatusOr<StoredState> ReadRocksDbState(env::FileSystem& fs,
                                             const std::string& directory);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_STATE_STORE_H_
