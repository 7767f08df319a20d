#include "jaco/base/log_level.h"

#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace jaco {
namespace {

TEST(LogLevelTest, NamesStandForLevels) {
  std::set<LogLevel> levels;
  for (const absl::string_view name : absl::StrSplit(kLogLevelNames, ", ")) {
    const auto level = LogLevelOf(name);
    ASSERT_TRUE(level.has_value()) << name;
    EXPECT_EQ(LogLevelName(*level), name);
    EXPECT_EQ(LogLevelColumn(*level).substr(0, name.size()), name);
    EXPECT_EQ(LogLevelColumn(*level).size(), 5u);
    levels.insert(*level);
  }
  EXPECT_EQ(levels.size(), 4u);
  for (const char* name : {"", "info ", "Info", "warning"}) {
    EXPECT_EQ(LogLevelOf(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace jaco
