// A planted bug: a file system whose syncs say that they are done, and are not.
// The simulator has to notice; see canary_test.cc.

#ifndef JACO_SIM_LYING_FILE_SYSTEM_H_
#define JACO_SIM_LYING_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "jaco/base/prng.h"
#include "jaco/env/file_system.h"

namespace jaco::sim {

// Passes everything on to `base`, which outlives it, but for one File::Sync in
// `one_in`.
class LyingFileSystem final : public env::FileSystem {
 public:
  LyingFileSystem(env::FileSystem& base, uint64_t one_in, Prng prng)
      : base_(base), one_in_(one_in), prng_(prng) {}

  bool LiesNow() { return prng_.Below(one_in_) == 0; }

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
  env::FileSystem& base_;
  const uint64_t one_in_;
  Prng prng_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_LYING_FILE_SYSTEM_H_
