#include "jaco/cmd/data_dir.h"

#include <sys/stat.h>

#include <fstream>

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

TEST(AcquireDataDirTest, AFileIsInTheWay) {
  const auto root = TemporaryDir::Create();
  const std::string path = absl::StrCat(root->path(), "/file");
  std::ofstream(path) << "x";
  env::PosixFileSystem files;
  EXPECT_FALSE(AcquireDataDir(path, files).ok());
  EXPECT_FALSE(AcquireDataDir(absl::StrCat(path, "/below"), files).ok());
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
