#include "jaco/env/posix/posix_file_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/env/posix/errno_status.h"

namespace jaco::env {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PosixFileSystemTest : public testing::Test {
 protected:
  PosixFileSystemTest() {
    std::string name = absl::StrCat(testing::TempDir(), "/jaco-fs-XXXXXX");
    root_ = mkdtemp(name.data());
  }
  ~PosixFileSystemTest() override { std::filesystem::remove_all(root_); }

  std::string Path(absl::string_view name) const {
    return absl::StrCat(root_, "/", name);
  }
  std::unique_ptr<File> Create(absl::string_view name) {
    auto file = files_.Open(Path(name), OpenMode::kCreate);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }

  std::string root_;
  PosixFileSystem files_;
};

std::string ReadAll(File& file) {
  std::string text(1000, 'x');
  const auto size = file.ReadAt(0, text.size(), text.data());
  EXPECT_TRUE(size.ok()) << size.status();
  text.resize(*size);
  return text;
}

TEST_F(PosixFileSystemTest, WritesAndReadsAtOffsets) {
  const auto file = Create("f");
  ASSERT_TRUE(file->WriteAt(3, "abc").ok());
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(ReadAll(*file), std::string("\0\0\0abc", 6));
  char byte = 0;
  EXPECT_EQ(*file->ReadAt(100, 1, &byte), 0u);
  EXPECT_EQ(*file->Size(), 6u);
  EXPECT_EQ(*files_.FileSize(Path("f")), 6u);
}

// The system may return less than was asked for; files of /proc do.
TEST_F(PosixFileSystemTest, ReadsOnAfterAShortRead) {
  constexpr char kPath[] = "/proc/self/smaps";
  std::string bytes(64 << 10, 'x');
  const int fd = open(kPath, O_RDONLY | O_CLOEXEC);
  if (fd < 0) GTEST_SKIP() << "needs " << kPath;
  const ssize_t once = pread(fd, bytes.data(), bytes.size(), 0);
  const ssize_t more = pread(fd, bytes.data(), 1, once);
  close(fd);
  ASSERT_EQ(more, 1) << "not a short read of " << once;
  const auto file = files_.Open(kPath, OpenMode::kRead);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_GT((*file)->ReadAt(0, bytes.size(), bytes.data()).value(),
            static_cast<size_t>(once));
}

TEST_F(PosixFileSystemTest, TruncatesBothWays) {
  const auto file = Create("f");
  ASSERT_TRUE(file->WriteAt(0, "abcdef").ok());
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_EQ(ReadAll(*file), std::string("ab\0\0", 4));
}

TEST_F(PosixFileSystemTest, PreallocateGrowsAndNeverShrinks) {
  const auto file = Create("f");
  ASSERT_TRUE(file->WriteAt(0, "abc").ok());
  ASSERT_TRUE(file->Preallocate(0).ok());
  ASSERT_TRUE(file->Preallocate(100).ok());
  EXPECT_EQ(*file->Size(), 100u);
  ASSERT_TRUE(file->Preallocate(10).ok());
  EXPECT_EQ(*file->Size(), 100u);
  EXPECT_EQ(ReadAll(*file), absl::StrCat("abc", std::string(97, '\0')));
}

TEST_F(PosixFileSystemTest, OpenModes) {
  const auto code = [&](OpenMode mode) {
    return files_.Open(Path("f"), mode).status().code();
  };
  EXPECT_EQ(code(OpenMode::kRead), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(OpenMode::kReadWrite), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(OpenMode::kCreate), absl::StatusCode::kOk);
  EXPECT_EQ(code(OpenMode::kCreate), absl::StatusCode::kAlreadyExists);
  const auto file = files_.Open(Path("f"), OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->WriteAt(0, "abc").ok());
  EXPECT_EQ(code(OpenMode::kRead), absl::StatusCode::kOk);
  EXPECT_EQ(*files_.FileSize(Path("f")), 3u);
  EXPECT_EQ(code(OpenMode::kCreateTruncate), absl::StatusCode::kOk);
  EXPECT_EQ(*files_.FileSize(Path("f")), 0u);
  struct stat info = {};
  ASSERT_EQ(stat(Path("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_F(PosixFileSystemTest, NamesOperationPathAndReason) {
  const absl::Status status =
      files_.Open(Path("missing"), OpenMode::kRead).status();
  EXPECT_EQ(status.message(), absl::StrCat("open ", Path("missing"),
                                           ": No such file or directory"));
}

TEST_F(PosixFileSystemTest, Directories) {
  const std::string d = Path("d");
  ASSERT_TRUE(files_.CreateDirectory(d).ok());
  ASSERT_TRUE(files_.CreateDirectory(d).ok());
  struct stat info = {};
  ASSERT_EQ(stat(d.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  EXPECT_THAT(*files_.List(d), IsEmpty());
  for (const char* name : {"b", "a", ".c"}) {
    ASSERT_TRUE(
        files_.Open(absl::StrCat(d, "/", name), OpenMode::kCreate).ok());
  }
  EXPECT_THAT(*files_.List(d), ElementsAre(".c", "a", "b"));
  EXPECT_TRUE(files_.SyncDirectory(d).ok());
  EXPECT_FALSE(files_.RemoveDirectory(d).ok());
  for (const char* name : {"b", "a", ".c"}) {
    ASSERT_TRUE(files_.Remove(absl::StrCat(d, "/", name)).ok());
  }
  EXPECT_TRUE(files_.RemoveDirectory(d).ok());
  EXPECT_EQ(files_.List(d).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.SyncDirectory(d).code(), absl::StatusCode::kNotFound);
}

TEST_F(PosixFileSystemTest, AFileIsNotADirectory) {
  Create("f");
  EXPECT_EQ(files_.CreateDirectory(Path("f")).code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(PosixFileSystemTest, RenameReplaces) {
  ASSERT_TRUE(Create("a")->WriteAt(0, "new").ok());
  ASSERT_TRUE(Create("b")->WriteAt(0, "old").ok());
  ASSERT_TRUE(files_.Rename(Path("a"), Path("b")).ok());
  EXPECT_FALSE(*files_.Exists(Path("a")));
  EXPECT_TRUE(*files_.Exists(Path("b")));
  EXPECT_EQ(ReadAll(**files_.Open(Path("b"), OpenMode::kRead)), "new");
  EXPECT_EQ(files_.Rename(Path("a"), Path("b")).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.Remove(Path("a")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.FileSize(Path("a")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(PosixFileSystemTest, ALockExcludesThisProcessToo) {
  auto lock = files_.Lock(Path("LOCK"));
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_EQ(files_.Lock(Path("LOCK")).status().code(),
            absl::StatusCode::kFailedPrecondition);
  lock->reset();
  EXPECT_TRUE(files_.Lock(Path("LOCK")).ok());
}

TEST_F(PosixFileSystemTest, ALockExcludesOtherProcesses) {
  const auto lock = files_.Lock(Path("LOCK"));
  ASSERT_TRUE(lock.ok()) << lock.status();
  const pid_t child = fork();
  if (child == 0) {
    const auto code = files_.Lock(Path("LOCK")).status().code();
    _exit(code == absl::StatusCode::kFailedPrecondition ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

// What only a mount can show. Outside a user namespace that allows mounts the
// test says so: a silent pass would be a lie.
class MountTest : public PosixFileSystemTest {
 protected:
  bool Mount(unsigned long flags, const char* options) {
    mounted_ = mount("jaco", root_.c_str(), "tmpfs", flags, options) == 0;
    if (!mounted_) std::cerr << "cannot mount here, errno " << errno << "\n";
    return mounted_;
  }
  ~MountTest() override {
    if (mounted_) umount(root_.c_str());
  }
  bool mounted_ = false;
};

TEST_F(MountTest, AFullDiskIsResourceExhausted) {
  if (!Mount(0, "size=64k")) GTEST_SKIP() << "needs the right to mount";
  const auto file = Create("f");
  EXPECT_EQ(file->WriteAt(0, std::string(1 << 20, 'x')).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(file->Preallocate(1 << 20).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(MountTest, AReadOnlyFileSystemIsPermissionDenied) {
  if (!Mount(MS_RDONLY, "")) GTEST_SKIP() << "needs the right to mount";
  const auto code = absl::StatusCode::kPermissionDenied;
  EXPECT_EQ(files_.Open(Path("f"), OpenMode::kCreate).status().code(), code);
  EXPECT_EQ(files_.CreateDirectory(Path("d")).code(), code);
  EXPECT_EQ(files_.Lock(Path("LOCK")).status().code(), code);
}

TEST(ErrnoStatusTest, MapsAsTheInterfacePromises) {
  const auto code = [](int error) {
    return ErrnoStatus("op", "/p", error).code();
  };
  EXPECT_EQ(code(ENOENT), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(EEXIST), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code(ENOSPC), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code(EDQUOT), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code(EACCES), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(EPERM), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(EROFS), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(EWOULDBLOCK), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(EIO), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code(EMFILE), absl::StatusCode::kInternal);
  EXPECT_EQ(ErrnoStatus("sync", "/p", EIO).message(),
            "sync /p: Input/output error");
}

}  // namespace
}  // namespace jaco::env
