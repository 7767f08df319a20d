#include "jaco/cmd/input_file.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"

namespace jaco::cmd {
namespace {

std::string PathOf(const char* name) {
  return absl::StrCat(testing::TempDir(), "/input_file_test_", name);
}

TEST(InputFileTest, ReadsAFileOrStandardInput) {
  std::istringstream in("token\n");
  EXPECT_EQ(*ReadInput("-", 6, &in), "token\n");
  EXPECT_EQ(*ReadInput("/dev/null", 0, nullptr), "");
  const std::string path = PathOf("file");
  std::ofstream(path) << std::string(100'000, 'x');
  EXPECT_EQ(*ReadInput(path, 100'000, nullptr), std::string(100'000, 'x'));
  EXPECT_EQ(CodeOf(ReadInput(path, 99'999, nullptr).status()),
            ErrorCode::kTooLarge);
}

// As `<(pass show jaco)` is one.
TEST(InputFileTest, ReadsAPipe) {
  const std::string path = PathOf("pipe");
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream(path) << "secret\n" << std::flush << "more\n";
  });
  EXPECT_EQ(*ReadInput(path, kSecretBytesMax, nullptr), "secret\nmore\n");
  writer.join();
}

TEST(InputFileTest, SaysWhatIsWrong) {
  EXPECT_EQ(CodeOf(ReadInput("-", 1, nullptr).status()), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(ReadInput("/tmp", 1, nullptr).status()),
            ErrorCode::kValidationFailed);
  const absl::Status missing = ReadInput("/no/such", 1, nullptr).status();
  EXPECT_EQ(CodeOf(missing), ErrorCode::kNotFound);
  EXPECT_EQ(missing.message(), "open /no/such: No such file or directory");
}

}  // namespace
}  // namespace jaco::cmd
