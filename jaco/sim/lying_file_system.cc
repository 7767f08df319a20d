#include "jaco/sim/lying_file_system.h"

#include <utility>

namespace jaco::sim {
namespace {

class LyingFile final : public env::File {
 public:
  LyingFile(LyingFileSystem& owner, std::unique_ptr<env::File> base)
      : owner_(owner), base_(std::move(base)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, size_t size,
                                char* out) override {
    return base_->ReadAt(offset, size, out);
  }
  absl::Status WriteAt(uint64_t offset, absl::string_view data) override {
    return base_->WriteAt(offset, data);
  }
  absl::Status Sync() override {
    return owner_.LiesNow() ? absl::OkStatus() : base_->Sync();
  }
  absl::Status Truncate(uint64_t size) override {
    return base_->Truncate(size);
  }
  absl::Status Preallocate(uint64_t size) override {
    return base_->Preallocate(size);
  }
  absl::StatusOr<uint64_t> Size() override { return base_->Size(); }

 private:
  LyingFileSystem& owner_;
  const std::unique_ptr<env::File> base_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<env::File>> LyingFileSystem::Open(
    absl::string_view path, env::OpenMode mode) {
  auto file = base_.Open(path, mode);
  if (!file.ok()) return file.status();
  return std::make_unique<LyingFile>(*this, *std::move(file));
}

absl::Status LyingFileSystem::Rename(absl::string_view from,
                                     absl::string_view to) {
  return base_.Rename(from, to);
}

absl::Status LyingFileSystem::Remove(absl::string_view path) {
  return base_.Remove(path);
}

absl::StatusOr<bool> LyingFileSystem::Exists(absl::string_view path) {
  return base_.Exists(path);
}

absl::StatusOr<uint64_t> LyingFileSystem::FileSize(absl::string_view path) {
  return base_.FileSize(path);
}

absl::Status LyingFileSystem::CreateDirectory(absl::string_view path) {
  return base_.CreateDirectory(path);
}

absl::Status LyingFileSystem::RemoveDirectory(absl::string_view path) {
  return base_.RemoveDirectory(path);
}

absl::StatusOr<std::vector<std::string>> LyingFileSystem::List(
    absl::string_view directory) {
  return base_.List(directory);
}

absl::Status LyingFileSystem::SyncDirectory(absl::string_view directory) {
  return base_.SyncDirectory(directory);
}

absl::StatusOr<std::unique_ptr<env::FileLock>> LyingFileSystem::Lock(
    absl::string_view path) {
  return base_.Lock(path);
}

}  // namespace jaco::sim
