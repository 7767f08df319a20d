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

TEST(ListInterfaceAddressesTest, DoesNotFail) { ListInterfaceAddresses(); }

}  // namespace
}  // namespace jaco::cmd
