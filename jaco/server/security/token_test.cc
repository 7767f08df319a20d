#include "jaco/server/security/token.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/env/entropy.h"
#include "jaco/env/seeded_entropy.h"

namespace jaco::server {
namespace {

using ::testing::MatchesRegex;

TEST(TokenTest, IsHexAndNeverTheSame) {
  env::SeededEntropy entropy;
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) tokens.insert(NewToken(entropy));
  EXPECT_EQ(tokens.size(), 100u);
  for (const std::string& token : tokens) {
    EXPECT_THAT(token, MatchesRegex("[0-9a-f]+"));
    EXPECT_EQ(token.size(), 64u);
  }
}

TEST(TokenTest, HashIsSha256OfTheText) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(HashToken("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(TokenTest, Compares) {
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "ab"));
}

TEST(TokenTest, UuidSaysItsVersionAndVariant) {
  env::SeededEntropy entropy;
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(NewUuid(entropy),
                MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]"
                             "[0-9a-f]{3}-[0-9a-f]{12}"));
  }
}

TEST(TokenTest, NodeIdIsNeverNoNode) {
  class ZeroFirst final : public env::Entropy {
   public:
    void Fill(absl::Span<uint8_t> out) override {
      for (uint8_t& byte : out) byte = value_;
      value_ = 1;
    }

   private:
    uint8_t value_ = 0;
  };
  ZeroFirst entropy;
  EXPECT_NE(NewNodeId(entropy), 0u);
}

}  // namespace
}  // namespace jaco::server
