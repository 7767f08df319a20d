// A file system in memory for tests of what survives: it forgets at a crash
// what was not synced, fails on demand, and writes down what was asked of it.

#ifndef JACO_STORAGE_CRASH_FILE_SYSTEM_H_
#define JACO_STORAGE_CRASH_FILE_SYSTEM_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/file_system.h"

namespace jaco::storage {

class CrashFileSystem final : public env::FileSystem {
 public:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  // From the `number`-th operation from now on (0 is the next), `count` of them
  // fail with `status` and do nothing.
  void FailFrom(uint64_t number, const absl::Status& status,
                uint64_t count = kNever);

  // Leaves what a crash may leave: what was synced, or, with `keep_unsynced`,
  // everything. Nothing may be open.
  void Crash(bool keep_unsynced);

  // Every operation so far: its name, path and size.
  const std::vector<std::string>& trace() const { return trace_; }

  // To do harm with. The file exists.
  std::string& Content(const std::string& path);

  absl::StatusOr<std::unique_ptr<env::File>> Open(absl::string_view path,
                                                  env::OpenMode mode) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status Remove(absl::string_view path) override;
  absl::StatusOr<bool> Exists(absl::string_view path) override;
  absl::StatusOr<uint64_t> FileSize(absl::string_view path) override;
  absl::Status CreateDirectory(absl::string_view path) override;
  absl::Status RemoveDirectory(absl::string_view path) override;
  absl::StatusOr<std::vector<std::string>> List(
      absl::string_view directory) override;
  absl::Status SyncDirectory(absl::string_view directory) override;
  absl::StatusOr<std::unique_ptr<env::FileLock>> Lock(
      absl::string_view path) override;

 private:
  struct Inode {
    std::string content;
    std::string synced;
    bool is_directory = false;
  };
  using InodePtr = std::shared_ptr<Inode>;
  class OpenFile;
  class HeldLock;

  // Notes the operation; its error when it is to fail.
  absl::Status Begin(absl::string_view operation, absl::string_view path,
                     uint64_t size = 0);
  Inode* Find(absl::string_view path) const;
  absl::Status RemoveEntry(absl::string_view path);

  std::map<std::string, InodePtr> entries_;  // by path
  std::map<std::string, InodePtr> synced_entries_;
  std::set<std::string> locks_;
  std::vector<std::string> trace_;
  uint64_t fail_from_ = kNever;  // index into trace_
  uint64_t fail_until_ = 0;
  absl::Status failure_;
};

}  // namespace jaco::storage

#endif  // JACO_STORAGE_CRASH_FILE_SYSTEM_H_
