#include "jaco/cmd/host_address.h"

#include "gtest/gtest.h"

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
}

TEST(AdvertisedHostTest, ElseLoopback) {
  EXPECT_EQ(AdvertisedHost("0.0.0.0",
                           {{"eth0", "203.0.113.5"}, {"eth1", "172.32.0.1"}}),
            "127.0.0.1");
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
}

TEST(ListInterfaceAddressesTest, DoesNotFail) { ListInterfaceAddresses(); }

}  // namespace
}  // namespace jaco::cmd
