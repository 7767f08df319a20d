#include "jaco/cmd/cli_output.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "jaco/base/version.h"

namespace jaco::cmd {
namespace {

TEST(CliOutputTest, Init) {
  EXPECT_EQ(FormatInit({"7d4f", "2b1c"}),
            "Cluster initialized.\n"
            "  cluster_id:     7d4f\n"
            "  operator_token: 2b1c\n"
            "\n"
            "Save the operator token now — it cannot be recovered.\n");
}

TEST(CliOutputTest, StatusUninitialized) {
  EXPECT_EQ(FormatStatus({}),
            "Status:    uninitialized\n"
            "\n"
            "Run `jaco cluster init` to start a new cluster,\n"
            "or `jaco node join` to join an existing one.\n");
}

TEST(CliOutputTest, Status) {
  server::StatusResponse response;
  response.initialized = true;
  response.lifecycle = server::Lifecycle::kMember;
  response.leader = "node-1";
  response.raft_index = 6210;
  response.nodes = {{"node-1", "10.0.0.5:7001", "READY", "VOTER"},
                    {"node-4", "10.0.0.8:7001", "READY", "NONVOTER"}};
  EXPECT_EQ(FormatStatus(response),
            "Status:     initialized\n"
            "Leader:     node-1\n"
            "Raft index: 6210\n"
            "Nodes (2):\n"
            "  - node-1 @ 10.0.0.5:7001 [READY, VOTER]\n"
            "  - node-4 @ 10.0.0.8:7001 [READY, NONVOTER]\n");
  response.leader = "";
  response.nodes = {{"node-1", "a:1", "READY", "?"}};
  EXPECT_EQ(FormatStatus(response),
            "Status:     initialized\n"
            "Leader:     (no leader elected)\n"
            "Raft index: 6210\n"
            "Nodes (1):\n"
            "  - node-1 @ a:1 [READY, ?]\n");
}

TEST(CliOutputTest, StatusInBetween) {
  server::StatusResponse response;
  response.lifecycle = server::Lifecycle::kStarting;
  EXPECT_EQ(FormatStatus(response), "Status:    starting\n");
}

TEST(CliOutputTest, StatusOfAServerThatLooksForACluster) {
  server::StatusResponse response;
  response.lifecycle = server::Lifecycle::kUninitialized;
  response.bootstrap = "waiting for servers, 2 of 3 are here";
  EXPECT_EQ(FormatStatus(response),
            "Status:    uninitialized\n"
            "Bootstrap: waiting for servers, 2 of 3 are here\n");
}

TEST(CliOutputTest, StatusOfAServerThatWaitsForItsLeader) {
  server::StatusResponse response;
  response.lifecycle = server::Lifecycle::kMember;
  response.initialized = true;
  response.joining = "10.0.0.5:7000 has admitted this server";
  EXPECT_EQ(FormatStatus(response),
            "Status:     joining\n"
            "Joining:    10.0.0.5:7000 has admitted this server\n");
}

TEST(CliOutputTest, Servers) {
  server::StatusResponse response;
  response.node_name = "node-1";
  response.leader = "node-2";
  response.nodes = {{"node-1", "10.0.0.5:7001", "READY", "VOTER"},
                    {"node-2", "[::1]:7001", "ISOLATION_UNAVAILABLE", "?"}};
  const std::string version(kVersion);
  const std::string pad(version.size() - 1, ' ');
  EXPECT_EQ(
      FormatServers(response),
      absl::StrCat("Name           Address   Port  Status  Leader  Raft Version"
                   "  Build",
                   std::string(version.size() - 3, ' '),
                   "Datacenter  Region\n"
                   "node-1.global  10.0.0.5  7001  alive   false   3           "
                   "  ",
                   version,
                   "  dc1         global\n"
                   "node-2.global  ::1       7001  failed  true    3           "
                   "  -",
                   pad, "  dc1         global\n"));
  EXPECT_EQ(FormatJoinedServers({2, ""}), "Joined 2 servers successfully\n");
  EXPECT_EQ(FormatJoinedServers({0, "failed joining: x"}),
            "Error joining: failed joining: x\n");
}

TEST(CliOutputTest, Tokens) {
  EXPECT_EQ(FormatIssuedToken({"ci", "ff00", absl::UnixEpoch(), 1}),
            "Token for ci (save this; not recoverable): ff00\n");
  EXPECT_EQ(FormatRevokedToken("ci"), "Revoked token for ci\n");
  server::ListTokensResponse response;
  response.tokens = {
      {"bootstrap", absl::FromUnixMillis(999), absl::InfiniteFuture()},
      {"ci", absl::UnixEpoch(), absl::FromUnixSeconds(86'400)}};
  EXPECT_EQ(FormatTokens(response),
            "IDENTITY                       ISSUED               REVOKED\n"
            "bootstrap                      1970-01-01T00:00:00Z -\n"
            "ci                             1970-01-01T00:00:00Z "
            "1970-01-02T00:00:00Z\n");
}

constexpr absl::string_view kJson =
    R"({"initialized":true,"leader":"true","nodes":[{"a":1,"b":null}],)"
    R"("none":[],"nothing":{},"raft_index":18446744073709551615})";

TEST(CliOutputTest, Json) {
  EXPECT_EQ(FormatJson(kJson), R"({
  "initialized": true,
  "leader": "true",
  "nodes": [
    {
      "a": 1,
      "b": null
    }
  ],
  "none": [],
  "nothing": {},
  "raft_index": 18446744073709551615
}
)");
}

TEST(CliOutputTest, Yaml) {
  EXPECT_EQ(FormatYaml(kJson), R"(initialized: true
leader: "true"
nodes:
  - a: 1
    b: ~
none: []
nothing: {}
raft_index: 18446744073709551615
)");
}

TEST(CliOutputTest, Errors) {
  EXPECT_EQ(FormatError("no_leader", "x"), "Error: no_leader: x\n");
  EXPECT_EQ(FormatError("", "x"), "Error: x\n");
}

}  // namespace
}  // namespace jaco::cmd
