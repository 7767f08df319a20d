#include "jaco/cmd/host_address.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "jaco/env/posix/posix_entropy.h"
#include "jaco/net/pki/node_uri.h"
#include "jaco/net/pki/openssl_pki.h"

namespace jaco::cmd {
namespace {

TEST(AdvertisedHostTest, AGivenHostIsHonoured) {
  EXPECT_EQ(AdvertisedHost("203.0.113.5", {{"eth0", "10.0.0.1"}}),
            "203.0.113.5");
  EXPECT_EQ(AdvertisedHost("node-1", {}), "node-1");
}

TEST(AdvertisedHostTest, AnUnspecifiedOneBecomesAPrivateAddress) {
  EXPECT_EQ(AdvertisedHost("0.0.0.0", {{"lo", "127.0.0.1"},
                                       {"docker0", "172.17.0.1"},
                                       {"eth1", "192.168.1.2"},
                                       {"eth0", "203.0.113.5"},
                                       {"eth2", "10.0.0.3"}}),
            "192.168.1.2");
  EXPECT_EQ(AdvertisedHost("::", {{"eth0", "172.31.0.1"}}), "172.31.0.1");
  EXPECT_EQ(AdvertisedHost("0::0", {{"eth0", "172.31.0.1"}}), "172.31.0.1");
}

TEST(AdvertisedHostTest, ElseLoopback) {
  EXPECT_EQ(AdvertisedHost("0.0.0.0",
                           {{"eth0", "203.0.113.5"}, {"eth1", "172.32.0.1"}}),
            "127.0.0.1");
}

TEST(IsAddressTest, NumericOnesOnly) {
  for (const char* host : {"0.0.0.0", "10.0.0.5", "::", "fd00::5", "::1"}) {
    EXPECT_TRUE(IsAddress(host)) << host;
  }
  for (const char* host :
       {"", "localhost", "node-1", "10.0.0", "127.0.0.1.a"}) {
    EXPECT_FALSE(IsAddress(host)) << host;
  }
}

TEST(IsLoopbackAddressTest, NoNameIsOne) {
  for (const char* host : {"127.0.0.1", "127.9.8.7", "::1", "0:0::1"}) {
    EXPECT_TRUE(IsLoopbackAddress(host)) << host;
  }
  for (const char* host : {"", "localhost", "127.0.0.1.example.net", "127.com",
                           "10.0.0.1", "::"}) {
    EXPECT_FALSE(IsLoopbackAddress(host)) << host;
  }
}

TEST(CertificateHostsTest, TheGivenOnesAndLoopback) {
  const InterfaceAddresses interfaces = {
      {"lo", "127.0.0.1"}, {"docker0", "172.17.0.1"}, {"eth0", "203.0.113.5"}};
  using Hosts = std::vector<std::string>;
  EXPECT_EQ(CertificateHosts({"n", "10.0.0.1", "n"}, interfaces, 9),
            Hosts({"localhost", "127.0.0.1", "::1", "n", "10.0.0.1"}));
  EXPECT_EQ(CertificateHosts({"n", "0.0.0.0"}, interfaces, 9),
            Hosts({"localhost", "127.0.0.1", "::1", "n", "203.0.113.5"}));
  EXPECT_EQ(CertificateHosts({"n", "m"}, {}, 4).size(), 4u);
  EXPECT_EQ(CertificateHosts({"FD00::5", "fd00:0:0::5", "0::0"}, interfaces, 9),
            Hosts({"localhost", "127.0.0.1", "::1", "fd00::5", "203.0.113.5"}));
}

// Else it would be renewed over and over.
TEST(CertificateHostsTest, ACertificateSpellsThemTheSame) {
  const env::NodeNames names{
      "c", 1, "n",
      CertificateHosts(
          {"Node_1", "FD00::5", "2001:db8:0:0::5", "0:0::FFFF:10.0.0.5",
           "::10.0.0.6", "010.0.0.7", "10.0.0.08", "10.8"},
          {}, net::kHostsMax)};
  env::PosixEntropy entropy;
  net::OpenSslPki pki(&entropy);
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const auto authority = pki.CreateAuthority("c", now);
  const auto made = pki.CreateRequest(names);
  const auto issued = pki.Issue(*authority, made->request, names, now);
  const auto info = pki.VerifyNode(*issued, authority->certificate, now);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->names.hosts, names.hosts);
}

TEST(ListInterfaceAddressesTest, DoesNotFail) { ListInterfaceAddresses(); }

}  // namespace
}  // namespace jaco::cmd
