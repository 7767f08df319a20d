#include "jaco/net/pki/openssl_pki.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/env/seeded_entropy.h"
#include "jaco/net/pki/node_uri.h"

namespace jaco::net {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class OpenSslPkiTest : public testing::Test {
 protected:
  env::Authority NewAuthority(absl::string_view cluster = "c1") {
    return *pki_.CreateAuthority(cluster, kNow);
  }
  std::string IssueTo(const env::Authority& authority,
                      const env::NodeNames& names, absl::Time now = kNow) {
    const auto made = pki_.CreateRequest(names);
    EXPECT_TRUE(made.ok()) << made.status();
    const auto issued = pki_.Issue(authority, made->request, names, now);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.value_or("");
  }
  // Why it is not trusted; empty when it is.
  std::string Objection(const std::string& certificates,
                        const std::string& bundle, absl::Time now = kNow) {
    const auto verified = pki_.VerifyNode(certificates, bundle, now);
    if (verified.ok()) return "";
    EXPECT_EQ(CodeOf(verified.status()), ErrorCode::kPeerUntrusted);
    return std::string(verified.status().message());
  }

  env::SeededEntropy entropy_;
  OpenSslPki pki_{&entropy_};
  const env::NodeNames names_{
      "c1", 17446744073709551615u, "node-1", {"node-1", "10.0.0.5", "::1"}};
};

TEST_F(OpenSslPkiTest, WhatIsAskedForIsWhatIsIssuedAndVerified) {
  const env::Authority authority = NewAuthority();
  const auto made = pki_.CreateRequest(names_);
  ASSERT_TRUE(made.ok()) << made.status();
  const auto asked = pki_.ReadRequest(made->request);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_TRUE(*asked == names_);
  const auto issued = pki_.Issue(authority, made->request, *asked, kNow);
  ASSERT_TRUE(issued.ok()) << issued.status();
  const auto info = pki_.VerifyNode(*issued, authority.certificate, kNow);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(info->names == names_);
  EXPECT_EQ(info->not_before, kNow - absl::Minutes(5));
  EXPECT_EQ(info->not_after, kNow + absl::Hours(24 * 365));
}

TEST_F(OpenSslPkiTest, TheIssuerDecidesOnTheNames) {
  const env::Authority authority = NewAuthority();
  env::NodeNames other = names_;
  other.node_id = 5;
  other.hosts = {"a.example"};
  const auto made = pki_.CreateRequest(names_);
  const auto issued = pki_.Issue(authority, made->request, other, kNow);
  EXPECT_TRUE(pki_.VerifyNode(*issued, authority.certificate, kNow)->names ==
              other);
}

TEST_F(OpenSslPkiTest, NoCertificateOfAnotherAuthority) {
  const env::Authority authority = NewAuthority(), stranger = NewAuthority();
  const std::string certificate = IssueTo(authority, names_);
  EXPECT_EQ(Objection(certificate, authority.certificate), "");
  EXPECT_THAT(Objection(certificate, stranger.certificate),
              HasSubstr("unable to get local issuer certificate"));
  EXPECT_NE(Objection("", authority.certificate), "");
  EXPECT_NE(Objection(certificate, ""), "");
  // An authority is no node.
  EXPECT_NE(Objection(authority.certificate, authority.certificate), "");
}

TEST_F(OpenSslPkiTest, ANodeIsNoAuthority) {
  const env::Authority authority = NewAuthority();
  const auto made = pki_.CreateRequest(names_);
  const auto issued = pki_.Issue(authority, made->request, names_, kNow);
  const env::Authority pretended{*issued, made->key};
  EXPECT_THAT(std::string(pki_.Issue(pretended, made->request, names_, kNow)
                              .status()
                              .message()),
              HasSubstr("none of an authority"));
  const env::Authority mixed{NewAuthority().certificate, authority.key};
  EXPECT_FALSE(pki_.Issue(mixed, made->request, names_, kNow).ok());
}

TEST_F(OpenSslPkiTest, NotBeforeItsTimeNorAfter) {
  const env::Authority authority = NewAuthority();
  const std::string certificate = IssueTo(authority, names_);
  EXPECT_EQ(Objection(certificate, authority.certificate,
                      kNow + absl::Hours(24 * 365) - absl::Seconds(1)),
            "");
  EXPECT_THAT(Objection(certificate, authority.certificate,
                        kNow + absl::Hours(24 * 365 + 1)),
              HasSubstr("expired"));
  EXPECT_THAT(
      Objection(certificate, authority.certificate, kNow - absl::Minutes(6)),
      HasSubstr("not yet valid"));
}

TEST_F(OpenSslPkiTest, NothingOutlivesTheAuthority) {
  OpenSslPki brief(&entropy_, {.authority_life = absl::Hours(1)});
  const auto authority = brief.CreateAuthority("c1", kNow);
  const auto made = brief.CreateRequest(names_);
  const auto issued = brief.Issue(*authority, made->request, names_, kNow);
  EXPECT_EQ(brief.VerifyNode(*issued, authority->certificate, kNow)->not_after,
            kNow + absl::Hours(1));
}

TEST_F(OpenSslPkiTest, TwoAuthoritiesAreTrustedWhileOneTakesOver) {
  const env::Authority old = NewAuthority(), successor = NewAuthority();
  const std::string bundle = old.certificate + successor.certificate;
  EXPECT_EQ(Objection(IssueTo(old, names_), bundle), "");
  EXPECT_EQ(Objection(IssueTo(successor, names_), bundle), "");
}

TEST_F(OpenSslPkiTest, ASuccessorConvincesThoseWhoKnowOnlyTheOld) {
  const env::Authority old = NewAuthority(), successor = NewAuthority();
  const auto crossed = pki_.CrossSign(old, successor.certificate, kNow);
  ASSERT_TRUE(crossed.ok()) << crossed.status();
  const std::string certificate = IssueTo(successor, names_);
  EXPECT_NE(Objection(certificate, old.certificate), "");
  EXPECT_EQ(Objection(certificate + *crossed, old.certificate), "");
  EXPECT_EQ(Objection(certificate + *crossed, successor.certificate), "");
}

// Nobody could renew it when the clock is set right.
TEST_F(OpenSslPkiTest, AClockThatIsAheadMakesAnAuthorityThatIsValid) {
  const auto made = pki_.CreateAuthority("c1", kNow + absl::Hours(23));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(Objection(IssueTo(*made, names_), made->certificate), "");
}

TEST_F(OpenSslPkiTest, NobodyIsTrustedThroughAnAuthorityOfTheFuture) {
  const absl::Time later = kNow + absl::Hours(24) + absl::Minutes(10);
  const env::Authority old = NewAuthority();
  const auto successor = pki_.CreateAuthority("c1", later);
  const auto validity = pki_.ValidityOf(successor->certificate);
  EXPECT_EQ(validity->not_before, later - absl::Hours(24));
  EXPECT_EQ(validity->not_after, later + absl::Hours(24 * 3650));
  EXPECT_FALSE(pki_.ValidityOf("x").ok());
  const std::string bundle = old.certificate + successor->certificate;
  const std::string certificate = IssueTo(*successor, names_);
  EXPECT_THAT(Objection(certificate, bundle), HasSubstr("not yet valid"));
  EXPECT_EQ(Objection(certificate, bundle, later), "");
  // The old one goes on.
  EXPECT_EQ(Objection(IssueTo(old, names_), bundle), "");
}

TEST_F(OpenSslPkiTest, FingerprintIsOfTheFirst) {
  const env::Authority a = NewAuthority(), b = NewAuthority();
  const std::string first = *pki_.Fingerprint(a.certificate);
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(*pki_.Fingerprint(a.certificate + b.certificate), first);
  EXPECT_NE(*pki_.Fingerprint(b.certificate), first);
  EXPECT_FALSE(pki_.Fingerprint("x").ok());
}

TEST_F(OpenSslPkiTest, BadNamesAreRefused) {
  for (env::NodeNames bad :
       {env::NodeNames{"", 1, "n", {}}, env::NodeNames{"c1", 0, "n", {}},
        env::NodeNames{"c1", 1, "", {}}, env::NodeNames{"c/1", 1, "n", {}},
        env::NodeNames{"c1", 1, "a/b", {}},
        env::NodeNames{"c1", 1, "n", {"a b"}},
        env::NodeNames{"c1", 1, "n", {"*"}}, env::NodeNames{"c1", 1, "n", {""}},
        env::NodeNames{"c1", 1, std::string(129, 'n'), {}},
        env::NodeNames{"c1", 1, "n", std::vector<std::string>(17, "h")}}) {
    const auto made = pki_.CreateRequest(bad);
    EXPECT_EQ(CodeOf(made.status()), ErrorCode::kValidationFailed);
  }
  EXPECT_TRUE(pki_.CreateRequest({"c1", 1, std::string(128, 'n'), {}}).ok());
}

TEST_F(OpenSslPkiTest, DamagedInputIsRefusedAndKeysAreNotQuoted) {
  const env::Authority authority = NewAuthority();
  const auto made = pki_.CreateRequest(names_);
  std::string damaged = made->request;
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_FALSE(pki_.ReadRequest(damaged).ok());
  EXPECT_FALSE(pki_.ReadRequest(authority.certificate).ok());
  EXPECT_FALSE(pki_.ReadRequest(std::string(100'000, 'x')).ok());
  env::Authority broken = authority;
  broken.key[40] ^= 2;
  const absl::Status status =
      pki_.Issue(broken, made->request, names_, kNow).status();
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(
      absl::StrContains(status.ToString(), authority.key.substr(44, 10)));
}

TEST_F(OpenSslPkiTest, EqualEntropyEqualCertificates) {
  env::SeededEntropy entropy;
  OpenSslPki again(&entropy);
  const env::Authority first = NewAuthority();
  EXPECT_EQ(again.CreateAuthority("c1", kNow)->certificate, first.certificate);
}

TEST(NodeUriTest, HasOneSpelling) {
  const std::string uri = "spiffe://c1/node/42/node-1";
  EXPECT_EQ(FormatNodeUri(*ParseNodeUri(uri)), uri);
  for (const char* bad :
       {"", "spiffe://c1/node/42", "spiffe://c1/node/042/n",
        "spiffe://c1/node/+42/n", "spiffe://c1/node/0/n", "http://c1/node/1/n",
        "spiffe:///node/1/n", "spiffe://c1/node/18446744073709551616/n",
        "spiffe://c1/node/1/n/", "spiffe://c1/nodes/1/n", "spiffe://c1/node/1/",
        "spiffe://c1/node/1/n%20"}) {
    EXPECT_EQ(CodeOf(ParseNodeUri(bad).status()), ErrorCode::kValidationFailed)
        << bad;
  }
}

}  // namespace
}  // namespace jaco::net
