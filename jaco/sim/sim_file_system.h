// A deterministic file system in memory: the twin of PosixFileSystem.
//
// It knows what a power loss may leave: each file has durable content and the
// operations since its last sync, each directory durable names and the changes
// since it was synced. Crash() draws what becomes of the rest.
//
//   SimFileSystem fs(Prng(seed));
//   fs.FailAt(fs.operations() + 7, SimFileSystem::Fault::kCrash);
//   RunUntilAnOperationFails(fs);
//   fs.Crash(prng);
//   CheckWhatARestartFinds(fs);

#ifndef JACO_SIM_SIM_FILE_SYSTEM_H_
#define JACO_SIM_SIM_FILE_SYSTEM_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/base/prng.h"
#include "jaco/env/file_system.h"
#include "jaco/sim/sim_names.h"

namespace jaco::sim {

// Not thread-safe. Outlives the files and locks that it hands out. A relative
// path and the same path with a leading '/' are one.
class SimFileSystem final : public env::FileSystem {
 public:
  enum class Fault {
    kIoError,  // kDataLoss; of a failed write any prefix may be there
    kNoSpace,  // kResourceExhausted; likewise
    // Power fails during the operation: it may or may not have an effect, and
    // this and every later operation fails with kInternal until Crash or
    // Restart.
    kCrash,
  };
  // Told of every operation before it runs: a constant as "WriteAt", the path,
  // and how many bytes (0 where there are none).
  using Observer = absl::AnyInvocable<void(
      absl::string_view operation, absl::string_view path, uint64_t size)>;

  // `prng` decides how much of an operation that fails takes effect.
  explicit SimFileSystem(Prng prng);
  // Deep; without observer, pending fault, open files and locks.
  std::unique_ptr<SimFileSystem> Clone() const;

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

  // Power loss and restart: what was not synced is kept, lost, torn or
  // reordered as `prng` draws. Files and locks of before are dead: every call
  // of theirs fails with kInternal and counts as no operation.
  void Crash(Prng& prng);
  // The process dies, the machine does not: everything written is still seen,
  // and still not durable.
  void Restart();
  // Another disk, an empty one, in the place of this.
  void Replace();

  // The operation that makes operations() be `operation` fails with `fault`.
  // One at a time: replaces an earlier one.
  void FailAt(uint64_t operation, Fault fault);
  // How many operations there were, failed ones included.
  uint64_t operations() const { return operations_; }
  // True from a kCrash fault until Crash or Restart.
  bool crashed() const { return crashed_; }
  void SetObserver(Observer observer) { observer_ = std::move(observer); }

  // The sizes of all files together may not grow beyond this.
  void SetCapacity(uint64_t bytes) { capacity_bytes_ = bytes; }
  uint64_t used_bytes() const { return used_bytes_; }

  // For tests and damage on the medium; not operations. `path` is a file, and
  // `offset` within it.
  std::string Contents(absl::string_view path) const;
  uint64_t CountFiles() const;
  void OverwriteByte(absl::string_view path, uint64_t offset, uint8_t value);
  void FlipBit(absl::string_view path, uint64_t offset, int bit);

  // From now on reads of the sectors that overlap the range fail with
  // kDataLoss, until they are written again; so do writes of a part of one.
  void MakeUnreadable(absl::string_view path, uint64_t offset, uint64_t size);
  // The files that have such sectors.
  std::vector<std::string> Unreadable() const;
  // How many operations failed for them.
  uint64_t unreadable_hits() const { return unreadable_hits_; }
  // They can be read again: as zeros, as in a copy of the disk, or as before.
  void ZeroUnreadable();
  void RereadUnreadable();

 private:
  class Handle;
  class HeldLock;
  // The directory that holds the last part of a path, and that part.
  struct Place {
    std::shared_ptr<DirectoryNode> directory;  // nullptr: there is none
    std::string name;
  };

  enum class Effect { kFull, kPartial, kNone };
  // How an operation goes: what it returns (unless it fails for a reason of its
  // own), and how far it takes effect all the same.
  struct Start {
    absl::Status status;
    Effect effect;
  };

  // Every operation begins here.
  Start Begin(const char* operation, absl::string_view path, uint64_t size);
  Start BeginFaulty(const char* operation, absl::string_view path);
  // A whole operation that changes names, by calling `change`.
  template <typename Change>
  absl::Status ChangeNames(const char* operation, absl::string_view path,
                           Change change);

  std::shared_ptr<DirectoryNode> FindDirectory(absl::string_view path) const;
  Place FindPlace(absl::string_view path) const;
  std::shared_ptr<FileNode> FindFile(absl::string_view path) const;
  absl::StatusOr<std::shared_ptr<FileNode>> OpenNode(absl::string_view path,
                                                     env::OpenMode mode);
  std::shared_ptr<FileNode> CreateNode(const Place& place);
  absl::Status DoRename(absl::string_view from, absl::string_view to);
  absl::Status DoRemove(absl::string_view path);
  absl::Status DoCreateDirectory(absl::string_view path);
  absl::Status DoRemoveDirectory(absl::string_view path);

  // The error of an operation that needs a sector that cannot be read.
  absl::Status FailUnreadable(const char* operation, absl::string_view path);
  // The size that `node` can have before there is no room.
  uint64_t SizeMax(const FileNode& node) const;
  // Accounts for a change of the size of `node`, which was `before`.
  void Resized(const FileNode& node, uint64_t before);
  void Unlink(FileNode& node);
  void StartIncarnation();

  std::shared_ptr<DirectoryNode> root_ = std::make_shared<DirectoryNode>();
  Prng prng_;
  Observer observer_;
  uint64_t operations_ = 0;
  uint64_t fail_at_ = 0;  // 0: nothing fails
  Fault fault_ = Fault::kIoError;
  bool crashed_ = false;
  uint64_t incarnation_ = 1;
  uint64_t name_sequence_ = 0;
  uint64_t capacity_bytes_ = std::numeric_limits<uint64_t>::max();
  uint64_t used_bytes_ = 0;
  uint64_t unreadable_hits_ = 0;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_FILE_SYSTEM_H_
