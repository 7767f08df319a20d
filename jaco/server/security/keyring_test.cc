#include "jaco/server/security/keyring.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/env/seeded_entropy.h"

namespace jaco::server {
namespace {

class KeyringTest : public testing::Test {
 protected:
  env::SeededEntropy entropy_;
};

TEST_F(KeyringTest, OpensWhatItSealedForThatPurposeOnly) {
  const Keyring ring = Keyring::Create(entropy_);
  const std::string sealed = ring.Seal(entropy_, "ca key", "secret words");
  EXPECT_FALSE(absl::StrContains(sealed, "secret"));
  EXPECT_EQ(*ring.Open("ca key", sealed), "secret words");
  EXPECT_EQ(CodeOf(ring.Open("node key", sealed).status()),
            ErrorCode::kDataLoss);
  EXPECT_FALSE(Keyring::Create(entropy_).Open("ca key", sealed).ok());
  EXPECT_EQ(*ring.Open("x", ring.Seal(entropy_, "x", "")), "");
  EXPECT_NE(ring.Seal(entropy_, "x", "y"), ring.Seal(entropy_, "x", "y"));
}

TEST_F(KeyringTest, NoticesEveryChange) {
  const Keyring ring = Keyring::Create(entropy_);
  const std::string sealed = ring.Seal(entropy_, "p", "secret");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] ^= 1;
    EXPECT_FALSE(ring.Open("p", damaged).ok()) << i;
    EXPECT_FALSE(ring.Open("p", sealed.substr(0, i)).ok()) << i;
  }
  EXPECT_FALSE(ring.Open("p", sealed + "x").ok());
}

TEST_F(KeyringTest, NewKeysSealOldOnesOpen) {
  Keyring ring = Keyring::Create(entropy_);
  const Keyring before = ring;
  const std::string old = ring.Seal(entropy_, "p", "1");
  ring.AddKey(entropy_);
  const std::string fresh = ring.Seal(entropy_, "p", "2");
  EXPECT_EQ(*ring.Open("p", old), "1");
  EXPECT_EQ(*ring.Open("p", fresh), "2");
  EXPECT_FALSE(before.Open("p", fresh).ok());
  for (size_t i = 1; i < Keyring::kKeysMax; ++i) ring.AddKey(entropy_);
  EXPECT_FALSE(ring.Open("p", old).ok());
}

TEST_F(KeyringTest, SurvivesAsBytes) {
  Keyring ring = Keyring::Create(entropy_);
  ring.AddKey(entropy_);
  const std::string sealed = ring.Seal(entropy_, "p", "secret");
  const std::string bytes = ring.Encode();
  EXPECT_EQ(*Keyring::Decode(bytes)->Open("p", sealed), "secret");
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    EXPECT_FALSE(Keyring::Decode(damaged).ok()) << i;
    EXPECT_FALSE(Keyring::Decode(bytes.substr(0, i)).ok()) << i;
  }
}

TEST_F(KeyringTest, AnOperatorsKey) {
  const std::string text(64, 'a');
  const auto ring = Keyring::FromText(text + "\n");
  ASSERT_TRUE(ring.ok());
  const std::string sealed = ring->Seal(entropy_, "p", "secret");
  EXPECT_EQ(*Keyring::FromText(text)->Open("p", sealed), "secret");
  for (const std::string& bad : {std::string(), std::string(63, 'a'),
                                 std::string(65, 'a'), std::string(64, 'g')}) {
    EXPECT_EQ(CodeOf(Keyring::FromText(bad).status()),
              ErrorCode::kValidationFailed);
  }
}

}  // namespace
}  // namespace jaco::server
