#include "jaco/cmd/cli_output.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/cmd/next_step.h"

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
  response.bootstrap = "waiting for a cluster to join";
  response.lifecycle = server::Lifecycle::kJoining;
  EXPECT_EQ(FormatStatus(response), "Status:    joining\n");
  response.initialized = true;  // what it was removed from
  EXPECT_EQ(FormatStatus(response), "Status:    joining\n");
  response.lifecycle = server::Lifecycle::kRecovering;
  EXPECT_EQ(FormatStatus(response), "Status:    recovering\n");
}

TEST(CliOutputTest, StatusOfAServerThatWasRemoved) {
  server::StatusResponse response;
  response.lifecycle = server::Lifecycle::kRemoved;
  response.initialized = true;
  EXPECT_EQ(FormatStatus(response),
            "Status:     removed\n"
            "\n"
            "This server was removed from its cluster before it was in.\n"
            "Run `jaco node join` to make it a node again.\n");
  response.cluster_name = "demo";
  EXPECT_EQ(FormatStatus(response),
            "Status:     removed\n"
            "\n"
            "This server was removed from cluster demo. It keeps its data and "
            "takes no writes.\n"
            "Run `jaco node join` to make it a node again.\n");
}

TEST(CliOutputTest, StatusOfAServerThatLooksForACluster) {
  server::StatusResponse response;
  response.lifecycle = server::Lifecycle::kUninitialized;
  response.bootstrap = "waiting for servers, 2 of 3 are here";
  EXPECT_EQ(FormatStatus(response),
            "Status:    uninitialized\n"
            "Bootstrap: waiting for servers, 2 of 3 are here\n");
}

TEST(CliOutputTest, StatusSaysThatTheAuthorityEnds) {
  server::StatusResponse response;
  response.initialized = true;
  response.lifecycle = server::Lifecycle::kMember;
  response.leader = "node-1";
  response.authority_end = "expires on 2036-11-22";
  EXPECT_EQ(FormatStatus(response),
            "Status:     initialized\n"
            "Leader:     node-1\n"
            "Raft index: 0\n"
            "Authority:  expires on 2036-11-22\n"
            "Nodes (0):\n");
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
  response.nodes = {
      {"node-1", "10.0.0.5:7001", "READY", "VOTER", "0.9.1"},
      {"node-2", "[::1]:7001", "ISOLATION_UNAVAILABLE", "?"},
      {"node-3", "10.0.0.7:7001", "LEAVING", "NONVOTER", "0.9.2"}};
  EXPECT_EQ(
      FormatServers(response),
      "Name           Address   Port  Status   Leader  Raft Version  Build  "
      "Datacenter  Region\n"
      "node-1.global  10.0.0.5  7001  alive    false   3             0.9.1  "
      "dc1         global\n"
      "node-2.global  ::1       7001  failed   true    3             -      "
      "dc1         global\n"
      "node-3.global  10.0.0.7  7001  leaving  false   3             0.9.2  "
      "dc1         global\n");
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

TEST(CliOutputTest, WhatATerminalWouldObeyIsEscaped) {
  EXPECT_EQ(EscapeControls("\"a\x7f\xc2\x9b\xc2\xa0\xc3\x9b\xc2\""),
            "\"a\\u007f\\u009b\xc2\xa0\xc3\x9b\xc2\"");
  EXPECT_EQ(FormatJson("\"\x7f\""), "\"\\u007f\"\n");
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
  EXPECT_EQ(FormatError("join_token_expired", "the join token has expired"),
            "Error: join_token_expired: the join token has expired\n"
            "Next: `jaco node issue-join-token` on a member prints another "
            "one\n");
  // It says so itself.
  EXPECT_EQ(FormatError("cluster_uninitialized", "run `jaco cluster init`"),
            "Error: cluster_uninitialized: run `jaco cluster init`\n");
  EXPECT_EQ(FormatUsageError("x", "Did you mean y?\n"),
            "Error: validation_failed: x\nDid you mean y?\n"
            "Run with --help for more information.\n");
}

TEST(CliOutputTest, EveryCodeOfTheListHasANextStep) {
  for (const char* code :
       {"join_token_consumed", "join_token_expired", "join_token_invalid",
        "quorum_lost", "token_exists", "cluster_already_initialized",
        "node_already_member", "peer_untrusted", "peer_unreachable",
        "not_a_member", "cluster_uninitialized", "disk_full", "data_loss"}) {
    EXPECT_NE(NextStep(code, "words"), "") << code;
  }
  EXPECT_NE(NextStep("permission_denied", "cannot read f: Permission denied"),
            "");
  // That depends.
  EXPECT_EQ(NextStep("permission_denied", "the bootstrap key is needed"), "");
  EXPECT_EQ(NextStep("no such code", ""), "");
  EXPECT_THAT(std::string(NextStep("data_loss", "the archive is damaged")),
              testing::Not(testing::HasSubstr("SMART")));
}

TEST(CliOutputTest, TheManualKnowsEveryCode) {
  std::ifstream file("docs/operations.md");
  ASSERT_TRUE(file.is_open());
  std::string rows;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("| `", 0) == 0) rows += line.substr(0, line.find('|', 1));
  }
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    EXPECT_THAT(rows,
                testing::HasSubstr(absl::StrCat(
                    "`", ErrorCodeName(static_cast<ErrorCode>(code)), "`")));
  }
}

TEST(CliOutputTest, Parts) {
  EXPECT_EQ(*PickNodes(kJson), R"({"nodes":[{"a":1,"b":null}]})");
  EXPECT_EQ(*PickMembers(R"({"Members":[],"ServerDC":"dc1"})"), "[]");
  for (const char* bad : {"", "[]", "{}", R"({"nodes":1,"Members":{}})"}) {
    EXPECT_FALSE(PickNodes(bad).ok()) << bad;
    EXPECT_FALSE(PickMembers(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace jaco::cmd
