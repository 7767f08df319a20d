#include "jaco/cmd/secret_argument.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace jaco::cmd {
namespace {

std::vector<std::string> Hidden(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  HideSecrets(static_cast<int>(argv.size()), argv.data());
  return arguments;
}

TEST(SecretArgumentTest, HidesTokens) {
  using Arguments = std::vector<std::string>;
  EXPECT_EQ(
      Hidden({"jaco", "node", "join", "--token", "abc", "--peer=h:1"}),
      (Arguments{"jaco", "node", "join", "--token", "xxx", "--peer=h:1"}));
  EXPECT_EQ(Hidden({"jaco", "--token=abcd", "--token-file", "f"}),
            (Arguments{"jaco", "--token=xxxx", "--token-file", "f"}));
  EXPECT_EQ(Hidden({"jaco", "--token"}), (Arguments{"jaco", "--token"}));
  EXPECT_EQ(Hidden({}), Arguments{});
}

}  // namespace
}  // namespace jaco::cmd
