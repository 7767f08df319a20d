// Every conversation in testdata/raft says today what it said when it was
// reviewed. `--rewrite FOLDER` writes what they say today:
// tools/rewrite-golden.

#include "jaco/raft/conversation.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace jaco::raft {
namespace {

constexpr char kFolder[] = "testdata/raft";

std::vector<std::filesystem::path> Files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class ConversationTest
    : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ConversationTest, SaysWhatWasReviewed) {
  const std::string expected = ReadFile(GetParam());
  bool failed = false;
  EXPECT_EQ(RunConversation(expected, &failed), expected)
      << "If this is what you want, run tools/rewrite-golden.";
  EXPECT_FALSE(failed) << "see FAILED in the output";
}

std::string TestName(
    const ::testing::TestParamInfo<std::filesystem::path>& info) {
  std::string name = info.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, ConversationTest,
                         ::testing::ValuesIn(Files(kFolder)), TestName);

int Rewrite(const std::filesystem::path& folder) {
  int status = 0;
  for (const std::filesystem::path& file : Files(folder)) {
    const std::string before = ReadFile(file);
    bool failed = false;
    const std::string after = RunConversation(before, &failed);
    if (failed) {
      std::cout << "FAILED   " << file.string() << "\n";
      status = 1;
    }
    if (after == before) continue;
    std::ofstream(file) << after;
    std::cout << "changed  " << file.string() << "\n";
  }
  return status;
}

}  // namespace
}  // namespace jaco::raft

int main(int argc, char** argv) {
  if (argc == 3 && absl::string_view(argv[1]) == "--rewrite") {
    return jaco::raft::Rewrite(argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
