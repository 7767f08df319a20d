#include "jaco/storage/rocksdb_file_system.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>
#include <rocksdb/slice.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "jaco/env/file_system.h"

namespace jaco::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

absl::string_view View(const Slice& slice) {
  return absl::string_view(slice.data(), slice.size());
}

// RocksDB writes some directories with a slash at the end.
absl::string_view WithoutSlash(absl::string_view path) {
  if (path.size() > 1) absl::ConsumeSuffix(&path, "/");
  return path;
}

// Turns our statuses into RocksDB's, and remembers what those cannot say.
class Errors {
 public:
  explicit Errors(absl::Status* last_error) : last_error_(last_error) {}

  // All but "not found" become a plain IOError, which is final. For a lack of
  // space or an error marked as retryable RocksDB would start a thread that
  // tries again.
  IOStatus Convert(const absl::Status& status) const {
    if (status.ok()) return IOStatus::OK();
    const std::string message(status.message());
    if (absl::IsNotFound(status)) return IOStatus::PathNotFound(message);
    *last_error_ = status;
    return IOStatus::IOError(message);
  }

 private:
  absl::Status* last_error_;
};

class SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  SequentialFile(std::unique_ptr<env::File> file, Errors errors)
      : file_(std::move(file)), errors_(errors) {}

  IOStatus Read(size_t size, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    const absl::StatusOr<size_t> got = file_->ReadAt(offset_, size, scratch);
    *result = Slice(scratch, got.value_or(0));
    offset_ += got.value_or(0);
    return errors_.Convert(got.status());
  }

  IOStatus Skip(uint64_t size) override {
    offset_ += size;
    return IOStatus::OK();
  }

 private:
  std::unique_ptr<env::File> file_;
  Errors errors_;
  uint64_t offset_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccessFile(std::unique_ptr<env::File> file, Errors errors)
      : file_(std::move(file)), errors_(errors) {}

  IOStatus Read(uint64_t offset, size_t size, const IOOptions&, Slice* result,
                char* scratch, IODebugContext*) const override {
    const absl::StatusOr<size_t> got = file_->ReadAt(offset, size, scratch);
    *result = Slice(scratch, got.value_or(0));
    return errors_.Convert(got.status());
  }

 private:
  std::unique_ptr<env::File> file_;
  Errors errors_;
};

class WritableFile final : public rocksdb::FSWritableFile {
 public:
  WritableFile(std::unique_ptr<env::File> file, Errors errors)
      : file_(std::move(file)), errors_(errors) {}

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&,
                  IODebugContext*) override {
    const absl::Status status = file_->WriteAt(size_, View(data));
    if (status.ok()) size_ += data.size();
    return errors_.Convert(status);
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    const absl::Status status = file_->Truncate(size);
    if (status.ok()) size_ = size;
    return errors_.Convert(status);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  // Nothing is buffered here.
  IOStatus Flush(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return errors_.Convert(file_->Sync());
  }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    return size_;
  }

 private:
  std::unique_ptr<env::File> file_;
  Errors errors_;
  uint64_t size_ = 0;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(env::FileSystem& fs, std::string path, Errors errors)
      : fs_(fs), path_(std::move(path)), errors_(errors) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return errors_.Convert(fs_.SyncDirectory(path_));
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  env::FileSystem& fs_;
  const std::string path_;
  Errors errors_;
};

class Lock final : public rocksdb::FileLock {
 public:
  explicit Lock(std::unique_ptr<env::FileLock> held) : held_(std::move(held)) {}

 private:
  std::unique_ptr<env::FileLock> held_;
};

class FileSystem final : public rocksdb::FileSystem {
 public:
  FileSystem(env::FileSystem& fs, absl::Status* last_error)
      : fs_(fs), errors_(last_error) {}

  const char* Name() const override { return "JacoFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    return OpenAs<SequentialFile>(path, env::OpenMode::kRead, result);
  }
  IOStatus NewRandomAccessFile(
      const std::string& path, const FileOptions&,
      std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
      IODebugContext*) override {
    return OpenAs<RandomAccessFile>(path, env::OpenMode::kRead, result);
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    return OpenAs<WritableFile>(path, env::OpenMode::kCreateTruncate, result);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext*) override {
    *result = std::make_unique<Directory>(fs_, std::string(WithoutSlash(path)),
                                          errors_);
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&,
                      IODebugContext*) override {
    const absl::StatusOr<bool> exists = fs_.Exists(WithoutSlash(path));
    if (!exists.ok()) return errors_.Convert(exists.status());
    return *exists ? IOStatus::OK() : IOStatus::NotFound(path);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&,
                       std::vector<std::string>* result,
                       IODebugContext*) override {
    absl::StatusOr<std::vector<std::string>> names =
        fs_.List(WithoutSlash(path));
    if (!names.ok()) return errors_.Convert(names.status());
    *result = *std::move(names);
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&,
                       bool* is_directory, IODebugContext*) override {
    *is_directory = fs_.List(WithoutSlash(path)).ok();
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&,
                      IODebugContext*) override {
    return errors_.Convert(fs_.Remove(path));
  }
  IOStatus RenameFile(const std::string& from, const std::string& to,
                      const IOOptions&, IODebugContext*) override {
    return errors_.Convert(fs_.Rename(from, to));
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&,
                     IODebugContext*) override {
    return errors_.Convert(fs_.CreateDirectory(WithoutSlash(path)));
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&,
                              IODebugContext*) override {
    return errors_.Convert(fs_.CreateDirectory(WithoutSlash(path)));
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&,
                     IODebugContext*) override {
    return errors_.Convert(fs_.RemoveDirectory(WithoutSlash(path)));
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&,
                       uint64_t* size, IODebugContext*) override {
    const absl::StatusOr<uint64_t> found = fs_.FileSize(path);
    *size = found.value_or(0);
    return errors_.Convert(found.status());
  }
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&,
                                   uint64_t* time, IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }

  IOStatus LockFile(const std::string& path, const IOOptions&,
                    rocksdb::FileLock** lock, IODebugContext*) override {
    absl::StatusOr<std::unique_ptr<env::FileLock>> held = fs_.Lock(path);
    *lock = held.ok() ? new Lock(*std::move(held)) : nullptr;
    return errors_.Convert(held.status());
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&,
                      IODebugContext*) override {
    delete lock;
    return IOStatus::OK();
  }

  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&,
                           std::string* result, IODebugContext*) override {
    *result = path;
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string*,
                            IODebugContext*) override {
    return IOStatus::NotSupported("test directory");
  }
  IOStatus NewLogger(const std::string&, const IOOptions&,
                     std::shared_ptr<rocksdb::Logger>*,
                     IODebugContext*) override {
    return IOStatus::NotSupported("logger");
  }

 private:
  template <typename Ours, typename Theirs>
  IOStatus OpenAs(const std::string& path, env::OpenMode mode,
                  std::unique_ptr<Theirs>* result) {
    absl::StatusOr<std::unique_ptr<env::File>> file = fs_.Open(path, mode);
    if (!file.ok()) {
      result->reset();
      return errors_.Convert(file.status());
    }
    *result = std::make_unique<Ours>(*std::move(file), errors_);
    return IOStatus::OK();
  }

  env::FileSystem& fs_;
  Errors errors_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> NewRocksDbFileSystem(
    env::FileSystem& fs, absl::Status* last_error) {
  return std::make_shared<FileSystem>(fs, last_error);
}

}  // namespace jaco::storage
