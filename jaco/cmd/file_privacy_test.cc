#include "jaco/cmd/file_privacy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/cmd/data_dir.h"

namespace jaco::cmd {
namespace {

class FilePrivacyTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Check(mode_t mode) {
    std::ofstream(path_) << "secret";
    EXPECT_EQ(chmod(path_.c_str(), mode), 0);
    return CheckPrivate("key", path_);
  }

  const absl::StatusOr<TemporaryDir> root_ = TemporaryDir::Create();
  const std::string path_ = absl::StrCat(root_->path(), "/key");
};

TEST_F(FilePrivacyTest, TheOwnerAlone) {
  EXPECT_EQ(*Check(0600), "");
  EXPECT_EQ(*Check(0400), "");
  EXPECT_EQ(*CheckPrivate("key", "/no/such/file"), "");
  EXPECT_EQ(*CheckPrivate("key", "/dev/null"), "");
}

TEST_F(FilePrivacyTest, TheGroupIsAWarning) {
  EXPECT_EQ(*Check(0640),
            absl::StrCat("its group may read or write ", path_,
                         " (mode 0640), which holds the key: run `chmod g=,o= ",
                         path_, "`"));
}

// A file that only its group lets us read is meant to be like that.
TEST_F(FilePrivacyTest, NoWarningWhereTheGroupIsNeeded) {
  ASSERT_NE(*Check(0640), "");
  if (chown(path_.c_str(), 12345, 0) != 0) {
    GTEST_SKIP() << "files cannot be given away here";
  }
  EXPECT_EQ(*CheckPrivate("key", path_), "");
}

TEST_F(FilePrivacyTest, EverybodyIsRefused) {
  for (const mode_t mode : {0644, 0604, 0602, 0666}) {
    const auto checked = Check(mode);
    ASSERT_FALSE(checked.ok()) << mode;
    EXPECT_EQ(CodeOf(checked.status()), ErrorCode::kPermissionDenied);
    EXPECT_THAT(std::string(checked.status().message()),
                testing::HasSubstr(absl::StrCat("run `chmod o= ", path_, "`")));
  }
}

}  // namespace
}  // namespace jaco::cmd
