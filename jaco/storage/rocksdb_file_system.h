#ifndef JACO_STORAGE_ROCKSDB_FILE_SYSTEM_H_
#define JACO_STORAGE_ROCKSDB_FILE_SYSTEM_H_

#include <memory>

#include "absl/status/status.h"
#include "jaco/env/file_system.h"

namespace rocksdb {
class FileSystem;
}  // namespace rocksdb

namespace jaco::storage {

// `fs` behind RocksDB's interface. Every error of `fs` but kNotFound is also
// left in `last_error`. Both outlive the result.
std::shared_ptr<rocksdb::FileSystem> NewRocksDbFileSystem(
    env::FileSystem& fs, absl::Status* last_error);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_ROCKSDB_FILE_SYSTEM_H_
