#include "jaco/cmd/suggest.h"

#include "gtest/gtest.h"

namespace jaco::cmd {
namespace {

TEST(SuggestTest, FindsWhatWasMeant) {
  const std::vector<std::string> known = {"cluster", "token", "data_dir"};
  EXPECT_EQ(Suggest("clutser", known), "cluster");
  EXPECT_EQ(Suggest("tokn", known), "token");
  EXPECT_EQ(Suggest("datadir", known), "data_dir");
  EXPECT_EQ(Suggest("colour", known), "");
  EXPECT_EQ(Suggest("", known), "");
  EXPECT_EQ(Suggest(std::string(100'000, 'x'), known), "");
}

}  // namespace
}  // namespace jaco::cmd
