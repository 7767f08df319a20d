#include "jaco/cmd/data_dir.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/env/posix/posix_file_system.h"

namespace jaco::cmd {
namespace {

TEST(AcquireDataDirTest, CreatesAndLocks) {
  const auto root = TemporaryDir::Create();
  ASSERT_TRUE(root.ok()) << root.status();
  env::PosixFileSystem files;
  const std::string path = absl::StrCat(root->path(), "/a/b");
  auto lock = AcquireDataDir(path, files);
  ASSERT_TRUE(lock.ok()) << lock.status();
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);

  const absl::Status second = AcquireDataDir(path, files).status();
  EXPECT_EQ(CodeOf(second), ErrorCode::kConflict);
  EXPECT_EQ(second.message(), absl::StrCat("data directory ", path,
                                           " is in use by another jacod"));
  lock->reset();
  EXPECT_TRUE(AcquireDataDir(path, files).ok());
}

TEST(AcquireDataDirTest, ASlashAtTheEndChangesNothing) {
  const auto root = TemporaryDir::Create();
  env::PosixFileSystem files;
  const std::string path = absl::StrCat(root->path(), "/a/b");
  ASSERT_TRUE(AcquireDataDir(absl::StrCat(path, "//"), files).ok());
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
}

TEST(AcquireDataDirTest, AFileIsInTheWay) {
  const auto root = TemporaryDir::Create();
  const std::string path = absl::StrCat(root->path(), "/file");
  std::ofstream(path) << "x";
  env::PosixFileSystem files;
  EXPECT_FALSE(AcquireDataDir(path, files).ok());
  EXPECT_FALSE(AcquireDataDir(absl::StrCat(path, "/below"), files).ok());
}

// Of a process that has been killed.
std::string Abandon() {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto dir = TemporaryDir::Create();
    std::ofstream(absl::StrCat(dir->path(), "/file")) << "x";
    (void)!write(ends[1], dir->path().data(), dir->path().size());
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  std::string path(4096, '\0');
  const ssize_t size = read(ends[0], path.data(), path.size());
  path.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
  close(ends[0]);
  close(ends[1]);
  return path;
}

TEST(TemporaryDirTest, TheNextOneRemovesWhatWasAbandoned) {
  struct stat info = {};
  const auto alive = TemporaryDir::Create();
  const std::string abandoned = Abandon();
  ASSERT_EQ(stat(abandoned.c_str(), &info), 0) << abandoned;
  const auto next = TemporaryDir::Create();
  EXPECT_NE(stat(abandoned.c_str(), &info), 0);
  EXPECT_EQ(stat(alive->path().c_str(), &info), 0);
}

TEST(TemporaryDirTest, IsInMemoryWhereThereIsRoom) {
  if (access("/dev/shm", W_OK) != 0) GTEST_SKIP() << "no /dev/shm";
  EXPECT_EQ(TemporaryDir::Create()->path().rfind("/dev/shm/jaco-dev-", 0), 0u);
}

TEST(TemporaryDirTest, GoesWithItsOwner) {
  std::string path;
  {
    const auto root = TemporaryDir::Create();
    path = root->path();
    std::ofstream(absl::StrCat(path, "/file")) << "x";
  }
  struct stat info = {};
  EXPECT_NE(stat(path.c_str(), &info), 0);
}

}  // namespace
}  // namespace jaco::cmd
