#include "jaco/server/security/password.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"

namespace jaco::server {
namespace {

constexpr char kSalt[] = "0123456789abcdef";
constexpr PasswordCost kCheap{.passes = 1, .memory_kib = 8};

TEST(PasswordTest, AreTheSameForEver) {
  const auto keys = DerivePasswordKeys("secret", kSalt, kCheap);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(absl::BytesToHexString(keys->stored),
            "058255325a72eb2a88bcd77a17d982a4ef6d7c095330f3666817db131c0c1b32");
  EXPECT_EQ(absl::BytesToHexString(keys->server),
            "dc46def0da57615ff2aae9b73429b3c09bb1ea2fa11bf7dd40beb92aeabaacca");
  EXPECT_EQ(absl::BytesToHexString(MakePasswordProof(*keys, "here")),
            "02fe94452d6f31a556cd934b35325c5a157486b8895d7ed7edc993c02d55c9e5");
  // RFC 4231, test case 2.
  EXPECT_EQ(absl::BytesToHexString(Mac("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(PasswordTest, ProofsAreOfOnePasswordAndOneTranscript) {
  const auto keys = DerivePasswordKeys("secret", kSalt, kCheap);
  const auto others = DerivePasswordKeys("secreT", kSalt, kCheap);
  const auto salted = DerivePasswordKeys("secret", "fedcba9876543210", kCheap);
  const std::string proof = MakePasswordProof(*keys, "here");
  EXPECT_TRUE(CheckPasswordProof(keys->stored, "here", proof));
  EXPECT_FALSE(CheckPasswordProof(keys->stored, "there", proof));
  EXPECT_FALSE(CheckPasswordProof(others->stored, "here", proof));
  EXPECT_FALSE(CheckPasswordProof(salted->stored, "here", proof));
  EXPECT_FALSE(CheckPasswordProof(keys->stored, "here", ""));
  EXPECT_FALSE(CheckPasswordProof(keys->stored, "here", proof + "x"));
  // Who has only what is stored cannot prove.
  EXPECT_FALSE(CheckPasswordProof(
      keys->stored, "here",
      MakePasswordProof({.client = keys->stored, .stored = keys->stored},
                        "here")));
}

TEST(PasswordTest, TranscriptsAreUnambiguous) {
  EXPECT_NE(Transcript({"ab", "c"}), Transcript({"a", "bc"}));
  EXPECT_NE(Transcript({"ab"}), Transcript({"ab", ""}));
}

TEST(PasswordTest, CostsBeyondReasonAreRefused) {
  for (const PasswordCost cost :
       {PasswordCost{0, 8}, PasswordCost{17, 8}, PasswordCost{1, 7},
        PasswordCost{1, (1u << 20) + 1}}) {
    const auto keys = DerivePasswordKeys("secret", kSalt, cost);
    EXPECT_EQ(CodeOf(keys.status()), ErrorCode::kValidationFailed);
  }
  EXPECT_FALSE(DerivePasswordKeys("secret", "short", kCheap).ok());
}

}  // namespace
}  // namespace jaco::server
