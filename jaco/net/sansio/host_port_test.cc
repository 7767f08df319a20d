#include "jaco/net/sansio/host_port.h"

#include "gtest/gtest.h"

namespace jaco::net {
namespace {

TEST(HostPortTest, Reads) {
  const auto v4 = ParseHostPort("10.0.0.5:7001");
  ASSERT_TRUE(v4.ok());
  EXPECT_EQ(v4->host, "10.0.0.5");
  EXPECT_EQ(v4->port, 7001);
  const auto v6 = ParseHostPort("[fe80::1%eth0]:65535");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->host, "fe80::1%eth0");
  EXPECT_EQ(JoinHostPort(v4->host, v4->port), "10.0.0.5:7001");
  EXPECT_EQ(JoinHostPort("::1", 1), "[::1]:1");
}

TEST(HostPortTest, Refuses) {
  for (const char* text :
       {"", ":", "host", "host:", ":1", "host:65536", "host:-1", "host:+1",
        "host: 1", "host:1 ", "::1:7", "[]:1", "[::1]", "[::1:1", "a b:1",
        "host:000001", "http://host:1"}) {
    EXPECT_FALSE(ParseHostPort(text).ok()) << text;
  }
}

TEST(HostPortTest, APortMayBeLeftOut) {
  EXPECT_EQ(*ApiAddress("node-1"), "node-1:7000");
  EXPECT_EQ(*ApiAddress("node-1:80"), "node-1:80");
  EXPECT_EQ(*ApiAddress("[::1]"), "[::1]:7000");
  EXPECT_EQ(*ApiAddress("https://node-1:80"), "node-1:80");
  EXPECT_EQ(*ApiAddress("https://[::1]/"), "[::1]:7000");
  for (const char* bad :
       {"", ":", "a b", "node-1:", "node-1:99999", "::1", "http://node-1:80",
        "https://", "https://node-1/v1", "node-1/"}) {
    EXPECT_FALSE(ApiAddress(bad).ok()) << bad;
  }
  EXPECT_EQ(ApiAddress("a b").status().message(),
            "\"a b\" is not host:port, as 10.0.0.5:7000");
}

}  // namespace
}  // namespace jaco::net
