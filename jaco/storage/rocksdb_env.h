// The outside as RocksDB sees it: our file system, a clock that stands still,
// and no threads. Background work waits in a queue until its owner runs it on
// the thread that called.
//
// One thread is beyond reach: RocksDB 7.8 has a process-wide timer that runs
// while any database is open, and flushes the info log every 10 s. The info log
// keeps nothing here, so it touches nothing of ours.

#ifndef JACO_STORAGE_ROCKSDB_ENV_H_
#define JACO_STORAGE_ROCKSDB_ENV_H_

#include <memory>

#include "absl/status/status.h"
#include "jaco/env/file_system.h"

// RocksDB's headers are heavy; this one is for everybody.
namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace jaco::storage {

// Outlives every database that uses it. Not thread-safe.
class RocksDbEnv {
 public:
  // `fs` outlives the env.
  explicit RocksDbEnv(env::FileSystem& fs);
  ~RocksDbEnv();

  RocksDbEnv(const RocksDbEnv&) = delete;
  RocksDbEnv& operator=(const RocksDbEnv&) = delete;

  rocksdb::Env* get() const;

  // Runs the flushes and compactions that RocksDB has asked for, in the order
  // of asking, and those that they ask for, until none is left. Call it after
  // each call of the database: RocksDB asks with its mutex held, so the work
  // cannot be done there and then.
  void RunScheduled();

  // The latest error of `fs` other than kNotFound, which RocksDB provokes to
  // learn what is there. RocksDB's own statuses cannot carry all our codes.
  const absl::Status& last_error() const;
  void ClearError();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace jaco::storage

#endif  // JACO_STORAGE_ROCKSDB_ENV_H_
