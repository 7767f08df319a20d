// What the joining server makes of peers that are not what they seem.

#include "jaco/server/password_join.h"

#include <string>

#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/env/seeded_entropy.h"

namespace jaco::server {
namespace {

constexpr PasswordCost kCheap{.passes = 1, .memory_kib = 8};

class PasswordJoinTest : public ::testing::Test {
 protected:
  PasswordJoinTest()
      : keys_(*DerivePasswordKeys("secret", std::string(16, 's'), kCheap)) {
    challenge_.set_server_nonce(std::string(32, 'n'));
    challenge_.set_salt(std::string(16, 's'));
    challenge_.set_passes(1);
    challenge_.set_memory_kib(8);
    EXPECT_TRUE(request_.ParseFromString(join_.Begin("here")));
  }
  absl::Status Answer() {
    const auto answer = join_.Answer(challenge_.SerializeAsString());
    if (answer.ok()) {
      EXPECT_TRUE(proof_.ParseFromString(*answer));
    }
    return answer.status();
  }
  std::string Verdict(const std::string& key, const std::string& binding) {
    PasswordVerdict verdict;
    verdict.set_join_token("token");
    verdict.set_signature(Mac(
        key,
        VerdictTranscript(
            ProofTranscript(request_, challenge_, proof_, binding), verdict)));
    return verdict.SerializeAsString();
  }

  env::SeededEntropy entropy_;
  PasswordKeys keys_;
  PasswordJoin join_{
      {.user = "u", .password = "secret", .node_name = "n", .cost_min = kCheap},
      entropy_};
  PasswordChallengeRequest request_;
  PasswordChallenge challenge_;
  PasswordProof proof_;
};

TEST_F(PasswordJoinTest, AMemberIsBelieved) {
  ASSERT_TRUE(Answer().ok());
  EXPECT_TRUE(CheckPasswordProof(
      keys_.stored, ProofTranscript(request_, challenge_, proof_, "here"),
      proof_.proof()));
  EXPECT_TRUE(join_.Finish(Verdict(keys_.server, "here")).ok());
  EXPECT_EQ(join_.verdict().join_token(), "token");
}

TEST_F(PasswordJoinTest, WhoDoesNotKnowTheUserIsNot) {
  ASSERT_TRUE(Answer().ok());
  PasswordVerdict changed;
  ASSERT_TRUE(changed.ParseFromString(Verdict(keys_.server, "here")));
  changed.set_join_token("another");
  for (const std::string& verdict :
       {Verdict(keys_.stored, "here"), Verdict(keys_.server, "there"),
        changed.SerializeAsString(), std::string("\xff"), std::string()}) {
    EXPECT_EQ(CodeOf(join_.Finish(verdict)), ErrorCode::kPeerUntrusted);
    EXPECT_TRUE(join_.verdict().join_token().empty());
  }
}

TEST_F(PasswordJoinTest, NobodySetsAPriceOfHisOwn) {
  for (const auto& [passes, memory_kib] :
       {std::pair(0u, 8u), std::pair(1u, 7u), std::pair(17u, 8u),
        std::pair(1u, 1u << 31)}) {
    challenge_.set_passes(passes);
    challenge_.set_memory_kib(memory_kib);
    EXPECT_EQ(CodeOf(Answer()), ErrorCode::kPeerUntrusted);
  }
  EXPECT_EQ(CodeOf(join_.Answer("\xff").status()), ErrorCode::kPeerUntrusted);
}

// A proof for one peer is none for another that passes it on.
TEST_F(PasswordJoinTest, ProofsAreBoundToTheConnection) {
  ASSERT_TRUE(Answer().ok());
  EXPECT_FALSE(CheckPasswordProof(
      keys_.stored, ProofTranscript(request_, challenge_, proof_, "there"),
      proof_.proof()));
}

}  // namespace
}  // namespace jaco::server
