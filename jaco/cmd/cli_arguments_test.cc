#include "jaco/cmd/cli_arguments.h"

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace jaco::cmd {
namespace {

std::string Arranged(std::vector<std::string> arguments) {
  const auto arranged =
      ArrangeArguments(std::move(arguments), {"token", "backup"});
  return arranged.ok() ? absl::StrJoin(*arranged, " ")
                       : std::string(arranged.status().message());
}

TEST(CliArgumentsTest, TheOutputGoesBehindTheCommand) {
  EXPECT_EQ(Arranged({"-o", "json", "token", "list"}), "token list -o json");
  EXPECT_EQ(Arranged({"-ojson", "token", "list"}), "token list -ojson");
  EXPECT_EQ(Arranged({"--output=json", "--socket", "s", "token", "list"}),
            "--socket s token list --output=json");
  EXPECT_EQ(Arranged({"--socket", "s", "--output", "yaml", "token", "list"}),
            "--socket s token list --output yaml");
  EXPECT_EQ(Arranged({"-o"}), "-o");
  EXPECT_EQ(Arranged({}), "");
}

TEST(CliArgumentsTest, TheRestStaysAsItIs) {
  EXPECT_EQ(Arranged({"token", "list", "-o", "json", "--socket=s"}),
            "token list -o json --socket=s");
  EXPECT_EQ(Arranged({"backup", "-o", "file"}), "backup -o file");
  EXPECT_EQ(Arranged({"tokn", "x"}), "tokn x");
}

TEST(CliArgumentsTest, AnOptionNeedsItsValue) {
  EXPECT_EQ(Arranged({"token", "list", "--token=", "--socket", "s"}),
            "--token has no value");
  EXPECT_EQ(Arranged({"token", "--socket=a="}), "token --socket=a=");
  EXPECT_EQ(Arranged({"token", "--", "--token="}), "token -- --token=");
}

}  // namespace
}  // namespace jaco::cmd
