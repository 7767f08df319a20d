#include "jaco/cmd/raft_settings.h"

#include "gtest/gtest.h"
#include "jaco/cmd/config.h"

namespace jaco::cmd {
namespace {

std::string ErrorOf(absl::string_view text) {
  return std::string(ParseConfig(text, "f").status().message());
}

TEST(RaftSettingsTest, Defaults) {
  const auto config = ParseConfig("", "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(DescribeRaft(config->raft),
            "election timeout 1000 ms, heartbeats every 100 ms, priority 100, "
            "lease reads off");
}

TEST(RaftSettingsTest, AllKeys) {
  const auto config = ParseConfig(
      "lease_reads: true\n"
      "clock_drift_ppm_max: 500\n"
      "priority: 50\n"
      "election_timeout_ms: 2000\n"
      "heartbeat_interval_ms: 200\n",
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(DescribeRaft(config->raft),
            "election timeout 2000 ms, heartbeats every 200 ms, priority 50, "
            "lease reads on, trusting clocks to 500 ppm");
}

TEST(RaftSettingsTest, BadValues) {
  EXPECT_EQ(ErrorOf("\nlease_reads: yes\n"),
            "f:2: lease_reads: must be true or false");
  EXPECT_EQ(ErrorOf("clock_drift_ppm_max: 100001"),
            "f:1: clock_drift_ppm_max: must be a number from 0 to 100000");
  EXPECT_EQ(ErrorOf("priority: 101"),
            "f:1: priority: must be a number from 0 to 100");
  EXPECT_EQ(ErrorOf("priority: -1"),
            "f:1: priority: must be a number from 0 to 100");
  EXPECT_EQ(ErrorOf("election_timeout_ms: 1s"),
            "f:1: election_timeout_ms: must be a number from 100 to 60000");
  EXPECT_EQ(ErrorOf("heartbeat_interval_ms: 9"),
            "f:1: heartbeat_interval_ms: must be a number from 10 to 60000");
  EXPECT_EQ(ErrorOf("priority: [1]"), "f:1: priority: must be a single value");
  EXPECT_EQ(ErrorOf("lease_read: true"),
            "f:1: unknown key \"lease_read\"; did you mean \"lease_reads\"?");
}

TEST(RaftSettingsTest, AFollowerHearsSeveralHeartbeatsInATimeout) {
  EXPECT_EQ(ErrorOf("heartbeat_interval_ms: 333"), "");
  EXPECT_EQ(ErrorOf("heartbeat_interval_ms: 334"),
            "f: election_timeout_ms, 1000, must be at least 3 times "
            "heartbeat_interval_ms, 334");
}

}  // namespace
}  // namespace jaco::cmd
