#include "jaco/env/posix/posix_host.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace jaco::env {
namespace {

TEST(PosixHostTest, KnowsThisHost) {
  const HostFacts facts = PosixHost().Facts("/");
  EXPECT_GT(facts.cores, 0u);
  EXPECT_GT(facts.memory_bytes, uint64_t{1} << 20);
  EXPECT_GT(facts.uptime_seconds, 0u);
  EXPECT_GT(facts.storage_bytes, 0u);
  EXPECT_FALSE(facts.os_version.empty());
  for (const HostAddress& address : facts.addresses) {
    EXPECT_FALSE(address.interface.empty());
    EXPECT_EQ(address.address.find(':') != std::string::npos, address.ipv6);
    if (address.address == "127.0.0.1" || address.address == "::1") {
      EXPECT_TRUE(address.is_private);
    }
  }
}

TEST(PosixHostTest, WhatIsNotThereIsNothing) {
  EXPECT_EQ(PosixHost().Facts("/no/such/file").storage_bytes, 0u);
}

}  // namespace
}  // namespace jaco::env
