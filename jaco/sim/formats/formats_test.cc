// testdata/formats holds every format as bytes. They are those of today, they
// are read today, and the next version's are refused in so many words.
// JACO_REWRITE_FORMATS names the folder to write them to: tools/rewrite-golden.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/sim/formats/testing/format.h"

namespace jaco::formats {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kFolder[] = "testdata/formats";
constexpr size_t kLineBytes = 16;

// Lines of offset, 16 bytes in hexadecimal, and the same as text. A star stands
// for any number of lines like the one before; the last line is the size.
std::string ToText(absl::string_view bytes) {
  std::string text;
  absl::string_view before;
  bool starred = false;
  for (size_t at = 0; at < bytes.size(); at += kLineBytes) {
    const absl::string_view line = bytes.substr(at, kLineBytes);
    if (line == before) {
      if (!std::exchange(starred, true)) text += "*\n";
      continue;
    }
    before = line;
    starred = false;
    absl::StrAppendFormat(&text, "%04x ", at);
    std::string shown;
    for (const char c : line) {
      absl::StrAppendFormat(&text, " %02x", static_cast<uint8_t>(c));
      shown.push_back(absl::ascii_isgraph(c) ? c : '.');
    }
    absl::StrAppendFormat(&text, "  |%s|\n", shown);
  }
  absl::StrAppendFormat(&text, "%04x\n", bytes.size());
  return text;
}

std::string FromText(const std::string& text) {
  std::string bytes;
  for (const absl::string_view line :
       absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (line == "*") continue;
    size_t offset = 0;
    EXPECT_TRUE(absl::SimpleHexAtoi(line.substr(0, line.find(' ')), &offset));
    while (bytes.size() < offset) {
      bytes += bytes.substr(bytes.size() - kLineBytes);
    }
    const size_t begin = line.find("  ");
    if (begin == absl::string_view::npos) break;
    const size_t end = line.find("  |");
    for (const absl::string_view byte : absl::StrSplit(
             line.substr(begin, end - begin), ' ', absl::SkipEmpty())) {
      bytes += absl::HexStringToBytes(byte);
    }
  }
  return bytes;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<Format> AllFormats() {
  std::vector<Format> formats;
  for (auto list :
       {LogFormats(), StateFormats(), FileFormats(), FrameFormats()}) {
    formats.insert(formats.end(), list.begin(), list.end());
  }
  return formats;
}

std::string FileNameOf(const Format& format) { return format.name + ".hex"; }

class FormatsTest : public ::testing::TestWithParam<Format> {
 protected:
  std::string Golden() {
    return ReadFile(std::filesystem::path(kFolder) / FileNameOf(GetParam()));
  }
};

TEST_P(FormatsTest, BytesAreThoseOfTheGoldenFile) {
  const std::string text = ToText(GetParam().bytes);
  if (const char* folder = std::getenv("JACO_REWRITE_FORMATS")) {
    std::ofstream(std::filesystem::path(folder) / FileNameOf(GetParam()))
        << text;
    return;
  }
  EXPECT_EQ(text, Golden()) << "If this is what you want, increment the "
                               "version and run tools/rewrite-golden.";
}

TEST_P(FormatsTest, TheGoldenFileIsRead) {
  EXPECT_EQ(GetParam().read(FromText(Golden())), absl::OkStatus());
}

TEST_P(FormatsTest, ANewerVersionIsRefusedByName) {
  std::string bytes = FromText(Golden());
  GetParam().make_newer(&bytes);
  const absl::Status refused = GetParam().read(bytes);
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr(absl::StrCat("version ", GetParam().version + 1)),
                    HasSubstr("this "),
                    ::testing::EndsWith(absl::StrCat(GetParam().version))));
}

INSTANTIATE_TEST_SUITE_P(All, FormatsTest, ::testing::ValuesIn(AllFormats()),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(FormatFilesTest, NoneIsLeftOver) {
  std::set<std::string> expected;
  for (const Format& format : AllFormats()) expected.insert(FileNameOf(format));
  for (const auto& file : std::filesystem::directory_iterator(kFolder)) {
    EXPECT_TRUE(expected.contains(file.path().filename())) << file.path();
  }
}

}  // namespace
}  // namespace jaco::formats
