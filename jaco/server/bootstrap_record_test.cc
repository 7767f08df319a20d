#include "jaco/server/bootstrap_record.h"

#include <string>

#include "gtest/gtest.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/env/seeded_entropy.h"

namespace jaco::server {
namespace {

Ballot At(uint64_t round, uint64_t server) {
  Ballot ballot;
  ballot.set_round(round);
  ballot.set_server(server);
  return ballot;
}

Founder Named(uint64_t id, const std::string& name) {
  Founder founder;
  founder.set_server_id(id);
  founder.set_node_name(name);
  return founder;
}

HelloRequest Valid() {
  HelloRequest request;
  request.set_server_id(7);
  request.set_node_name("n7");
  request.set_address("10.0.0.7:7000");
  request.set_expect(3);
  return request;
}

TEST(FounderVoteTest, NothingBelowAPromise) {
  FounderVote vote;
  EXPECT_TRUE(Promise(At(2, 5), &vote));
  EXPECT_FALSE(Promise(At(1, 9), &vote));
  EXPECT_FALSE(Promise(At(2, 4), &vote));
  EXPECT_FALSE(Accept(At(2, 4), Named(4, "n4"), &vote));
  EXPECT_EQ(vote.founder().server_id(), 0u);
  EXPECT_TRUE(Accept(At(2, 5), Named(5, "n5"), &vote));
  EXPECT_TRUE(Promise(At(2, 6), &vote));
  EXPECT_FALSE(Accept(At(2, 5), Named(5, "n5"), &vote));
  // What was accepted stays, until something higher is.
  EXPECT_EQ(vote.founder().server_id(), 5u);
  EXPECT_TRUE(Accept(At(3, 1), Named(1, "n1"), &vote));
  EXPECT_EQ(vote.promised().round(), 3u);
  EXPECT_EQ(vote.founder().node_name(), "n1");
}

TEST(BootstrapRecordTest, ComesBackAsItWas) {
  BootstrapRecord record;
  record.set_server_id(7);
  record.set_join_token("secret");
  record.add_addresses("a:1");
  ASSERT_TRUE(Accept(At(3, 7), Named(7, "n7"), record.mutable_vote()));
  const std::string bytes = EncodeBootstrapRecord(record);
  const auto decoded = DecodeBootstrapRecord(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->SerializeAsString(), record.SerializeAsString());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = DecodeBootstrapRecord(bytes.substr(0, size));
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(CodeOf(cut.status()), ErrorCode::kDataLoss);
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    EXPECT_FALSE(DecodeBootstrapRecord(damaged).ok()) << at;
  }
}

TEST(BootstrapRecordTest, ASealedTokenTakesItsKey) {
  env::SeededEntropy entropy;
  const Keyring key = Keyring::Create(entropy);
  const Keyring other = Keyring::Create(entropy);
  BootstrapRecord record;
  record.set_server_id(7);
  record.set_join_token("a-secret-of-the-cluster");
  const std::string bytes =
      EncodeBootstrapRecord(SealJoinToken(record, &key, entropy));
  EXPECT_EQ(bytes.find(record.join_token()), std::string::npos);
  auto decoded = DecodeBootstrapRecord(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->join_token(), "");
  EXPECT_EQ(CodeOf(OpenJoinToken(nullptr, &*decoded)),
            ErrorCode::kValidationFailed);
  EXPECT_EQ(CodeOf(OpenJoinToken(&other, &*decoded)),
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(OpenJoinToken(&key, &*decoded), absl::OkStatus());
  EXPECT_EQ(decoded->SerializeAsString(), record.SerializeAsString());
  // Nothing to open, nothing to seal.
  EXPECT_EQ(OpenJoinToken(nullptr, &*decoded), absl::OkStatus());
  record.clear_join_token();
  EXPECT_EQ(SealJoinToken(record, &key, entropy).SerializeAsString(),
            record.SerializeAsString());
}

TEST(BootstrapRecordTest, AVersionSaysWhetherTheTokenIsSealed) {
  BootstrapRecord record;
  record.set_server_id(7);
  std::string bytes = EncodeBootstrapRecord(record);
  record.set_sealed_join_token("sealed");
  std::string sealed = EncodeBootstrapRecord(record);
  EXPECT_EQ(bytes[8], 1);
  EXPECT_EQ(sealed[8], 2);
  const auto swap = [](char version, std::string* text) {
    (*text)[8] = version;
    text->resize(text->size() - 4);
    AppendLittleEndian(Crc32c(*text), text);
  };
  swap(2, &bytes);
  swap(1, &sealed);
  EXPECT_EQ(CodeOf(DecodeBootstrapRecord(bytes).status()),
            ErrorCode::kDataLoss);
  EXPECT_EQ(CodeOf(DecodeBootstrapRecord(sealed).status()),
            ErrorCode::kDataLoss);
}

TEST(FounderVoteTest, WhoHasAcceptedFoundsNothingElse) {
  FounderVote vote;
  EXPECT_TRUE(CheckMayFound(vote).ok());
  ASSERT_TRUE(Promise(At(1, 7), &vote));
  EXPECT_TRUE(CheckMayFound(vote).ok());
  ASSERT_TRUE(Accept(At(1, 7), Named(7, "n7"), &vote));
  EXPECT_EQ(CodeOf(CheckMayFound(vote)), ErrorCode::kConflict);
}

TEST(ValidateHelloTest, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(ValidateHello(Valid()).ok());
  EXPECT_FALSE(ValidateHello(HelloRequest()).ok());
  HelloRequest request = Valid();
  request.set_node_name("a b");
  EXPECT_FALSE(ValidateHello(request).ok());
  request = Valid();
  request.add_addresses("\n");
  EXPECT_FALSE(ValidateHello(request).ok());
  request = Valid();
  for (size_t i = 0; i <= kBootstrapAddressesMax; ++i) {
    request.add_addresses("a:1");
  }
  EXPECT_FALSE(ValidateHello(request).ok());
  // A ballot is its maker's.
  request = Valid();
  request.set_ask(HelloRequest::PROMISE);
  EXPECT_FALSE(ValidateHello(request).ok());
  *request.mutable_ballot() = At(1, 8);
  EXPECT_FALSE(ValidateHello(request).ok());
  *request.mutable_ballot() = At(1, 7);
  EXPECT_TRUE(ValidateHello(request).ok());
  request.set_ask(HelloRequest::ACCEPT);
  EXPECT_FALSE(ValidateHello(request).ok());
  *request.mutable_founder() = Named(8, "n8");
  EXPECT_TRUE(ValidateHello(request).ok());
}

}  // namespace
}  // namespace jaco::server
