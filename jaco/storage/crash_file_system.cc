#include "jaco/storage/crash_file_system.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/env/file_system.h"

namespace jaco::storage {
namespace {

absl::Status NotFound(absl::string_view path) {
  return absl::NotFoundError(absl::StrCat(path, ": no such file"));
}

bool IsIn(absl::string_view path, absl::string_view directory) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? directory == "."
                                          : path.substr(0, slash) == directory;
}

}  // namespace

class CrashFileSystem::OpenFile final : public env::File {
 public:
  OpenFile(CrashFileSystem& fs, std::string path, InodePtr inode)
      : fs_(fs), path_(std::move(path)), inode_(std::move(inode)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, size_t size,
                                char* out) override {
    absl::Status status = fs_.Begin("read", path_, size);
    if (!status.ok()) return status;
    if (offset >= inode_->content.size()) return 0;
    return inode_->content.copy(out, size, offset);
  }
  absl::Status WriteAt(uint64_t offset, absl::string_view data) override {
    absl::Status status = fs_.Begin("write", path_, data.size());
    if (!status.ok()) return status;
    std::string& content = inode_->content;
    content.resize(std::max<size_t>(content.size(), offset + data.size()));
    content.replace(offset, data.size(), data.data(), data.size());
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    absl::Status status = fs_.Begin("sync", path_, inode_->content.size());
    if (status.ok()) inode_->synced = inode_->content;
    return status;
  }
  absl::Status Truncate(uint64_t size) override {
    absl::Status status = fs_.Begin("truncate", path_, size);
    if (status.ok()) inode_->content.resize(size);
    return status;
  }
  absl::Status Preallocate(uint64_t size) override {
    absl::Status status = fs_.Begin("preallocate", path_, size);
    if (status.ok() && size > inode_->content.size()) {
      inode_->content.resize(size);
    }
    return status;
  }
  absl::StatusOr<uint64_t> Size() override { return inode_->content.size(); }

 private:
  CrashFileSystem& fs_;
  const std::string path_;
  InodePtr inode_;
};

class CrashFileSystem::HeldLock final : public env::FileLock {
 public:
  HeldLock(CrashFileSystem& fs, std::string path)
      : fs_(fs), path_(std::move(path)) {}
  ~HeldLock() override { fs_.locks_.erase(path_); }

 private:
  CrashFileSystem& fs_;
  const std::string path_;
};

void CrashFileSystem::FailFrom(uint64_t number, const absl::Status& status,
                               uint64_t count) {
  fail_from_ = number == kNever ? kNever : trace_.size() + number;
  fail_until_ = count == kNever ? kNever : fail_from_ + count;
  failure_ = status;
}

void CrashFileSystem::Crash(bool keep_unsynced) {
  JACO_CHECK(locks_.empty());
  fail_from_ = kNever;
  if (keep_unsynced) synced_entries_ = entries_;
  entries_ = synced_entries_;
  for (auto& [path, inode] : entries_) {
    if (keep_unsynced) inode->synced = inode->content;
    inode->content = inode->synced;
  }
}

std::string& CrashFileSystem::Content(const std::string& path) {
  Inode* inode = Find(path);
  JACO_CHECK_MSG(inode != nullptr, path);
  return inode->content;
}

absl::Status CrashFileSystem::Begin(absl::string_view operation,
                                    absl::string_view path, uint64_t size) {
  const uint64_t number = trace_.size();
  trace_.push_back(absl::StrCat(operation, " ", path, " ", size));
  if (number < fail_from_ || number >= fail_until_) return absl::OkStatus();
  return absl::Status(failure_.code(), absl::StrCat(operation, " ", path, ": ",
                                                    failure_.message()));
}

CrashFileSystem::Inode* CrashFileSystem::Find(absl::string_view path) const {
  const auto it = entries_.find(std::string(path));
  return it == entries_.end() ? nullptr : it->second.get();
}

absl::StatusOr<std::unique_ptr<env::File>> CrashFileSystem::Open(
    absl::string_view path, env::OpenMode mode) {
  if (absl::Status status = Begin("open", path, static_cast<uint64_t>(mode));
      !status.ok()) {
    return status;
  }
  const bool exists = Find(path) != nullptr;
  if (mode == env::OpenMode::kCreate && exists) {
    return absl::AlreadyExistsError(path);
  }
  const bool creates =
      mode == env::OpenMode::kCreate || mode == env::OpenMode::kCreateTruncate;
  if (!creates && !exists) return NotFound(path);
  InodePtr& inode = entries_[std::string(path)];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  if (creates) inode->content.clear();
  return std::make_unique<OpenFile>(*this, std::string(path), inode);
}

absl::Status CrashFileSystem::Rename(absl::string_view from,
                                     absl::string_view to) {
  if (absl::Status status = Begin("rename", to); !status.ok()) return status;
  const auto it = entries_.find(std::string(from));
  if (it == entries_.end()) return NotFound(from);
  InodePtr inode = it->second;
  entries_.erase(it);
  entries_[std::string(to)] = std::move(inode);
  return absl::OkStatus();
}

absl::Status CrashFileSystem::RemoveEntry(absl::string_view path) {
  return entries_.erase(std::string(path)) == 1 ? absl::OkStatus()
                                                : NotFound(path);
}

absl::Status CrashFileSystem::Remove(absl::string_view path) {
  absl::Status status = Begin("remove", path);
  return status.ok() ? RemoveEntry(path) : status;
}

absl::StatusOr<bool> CrashFileSystem::Exists(absl::string_view path) {
  if (absl::Status status = Begin("exists", path); !status.ok()) return status;
  return Find(path) != nullptr;
}

absl::StatusOr<uint64_t> CrashFileSystem::FileSize(absl::string_view path) {
  if (absl::Status status = Begin("size", path); !status.ok()) return status;
  const Inode* inode = Find(path);
  if (inode == nullptr) return NotFound(path);
  return inode->content.size();
}

absl::Status CrashFileSystem::CreateDirectory(absl::string_view path) {
  if (absl::Status status = Begin("mkdir", path); !status.ok()) return status;
  InodePtr& inode = entries_[std::string(path)];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  inode->is_directory = true;
  return absl::OkStatus();
}

absl::Status CrashFileSystem::RemoveDirectory(absl::string_view path) {
  absl::Status status = Begin("rmdir", path);
  return status.ok() ? RemoveEntry(path) : status;
}

absl::StatusOr<std::vector<std::string>> CrashFileSystem::List(
    absl::string_view directory) {
  if (absl::Status status = Begin("list", directory); !status.ok()) {
    return status;
  }
  const Inode* inode = Find(directory);
  if (inode == nullptr || !inode->is_directory) return NotFound(directory);
  std::vector<std::string> names;
  for (const auto& [path, unused] : entries_) {
    if (IsIn(path, directory))
      names.push_back(path.substr(path.rfind('/') + 1));
  }
  return names;
}

absl::Status CrashFileSystem::SyncDirectory(absl::string_view directory) {
  if (absl::Status status = Begin("syncdir", directory); !status.ok()) {
    return status;
  }
  for (auto it = synced_entries_.begin(); it != synced_entries_.end();) {
    it = IsIn(it->first, directory) ? synced_entries_.erase(it) : std::next(it);
  }
  for (const auto& [path, inode] : entries_) {
    if (IsIn(path, directory)) synced_entries_[path] = inode;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<env::FileLock>> CrashFileSystem::Lock(
    absl::string_view path) {
  if (absl::Status status = Begin("lock", path); !status.ok()) return status;
  if (!locks_.insert(std::string(path)).second) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is locked"));
  }
  InodePtr& inode = entries_[std::string(path)];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  return std::make_unique<HeldLock>(*this, std::string(path));
}

}  // namespace jaco::storage
