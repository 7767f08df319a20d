#include "jaco/cmd/cli_test.h"

#include <stdio.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"

namespace jaco::cmd {
namespace {

using ::testing::_;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(CliTest, Init) {
  EXPECT_CALL(api_,
              Init(_, Field(&server::InitRequest::cluster_name, "demo"), _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::InitResponse{"id", "tok"});
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kClusterAlreadyInitialized, "is there"));
      });
  Serve();
  EXPECT_EQ(Run({"cluster", "init", "--name", "demo"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("Cluster initialized.\n"));
  EXPECT_EQ(err_.str(), "");
  EXPECT_EQ(Run({"cluster", "init", "--name=demo"}), 1);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str(),
            "Error: cluster_already_initialized: is there\n"
            "Next: `jaco cluster status` shows the cluster that this server is "
            "in\n");
}

TEST_F(CliTest, RemoveNode) {
  EXPECT_CALL(api_, RemoveNode)
      .Times(4)
      .WillRepeatedly([](auto&, const auto& request, auto reply) {
        if (request.node_name == "n") {
          return reply(server::RemoveNodeResponse{request.force ? 1u : 2u});
        }
        reply(MakeError(ErrorCode::kNodeNotFound, "no node"));
      });
  Serve();
  EXPECT_EQ(Run({"node", "remove", "n"}), 0);
  EXPECT_EQ(out_.str(), "Removed node n\n");
  EXPECT_EQ(Run({"node", "remove", "x", "--force"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("Error: node_not_found: no node\n"));
  EXPECT_EQ(Run({"server", "force-leave", "x"}), 0);
  EXPECT_EQ(Run({"server", "force-leave", "n"}), 0);
  EXPECT_EQ(out_.str() + err_.str(), "");
}

TEST_F(CliTest, StatusInEveryFormat) {
  Serve();
  EXPECT_EQ(Run({"cluster", "status"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("Leader:     node-1\n"));
  EXPECT_EQ(Run({"cluster", "status", "-o", "json"}), 0);
  EXPECT_THAT(out_.str(),
              StartsWith("{\n  \"initialized\": true,\n  \"leader\": "
                         "\"node-1\",\n  \"raft_index\": 0,\n  \"nodes\": []"));
  EXPECT_EQ(Run({"cluster", "status", "-o", "yaml"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("initialized: true\nleader: \"node-1\""));
  EXPECT_EQ(Run({"cluster", "status", "-o", "xml"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("xml"));
}

TEST_F(CliTest, Tokens) {
  EXPECT_CALL(
      api_,
      IssueToken(_, Field(&server::IssueTokenRequest::identity, "ci bot"), _))
      .WillOnce([](auto&, auto request, auto reply) {
        EXPECT_TRUE(request.allow_privileged);
        reply(server::IssueTokenResponse{"ci bot", "ff", absl::UnixEpoch(), 1});
      });
  EXPECT_CALL(
      api_,
      RevokeToken(_, Field(&server::RevokeTokenRequest::identity, "ci bot"), _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::RevokeTokenResponse{2});
      });
  EXPECT_CALL(api_, ListTokens).WillRepeatedly([](auto&, auto reply) {
    reply(server::ListTokensResponse{{{"a", absl::UnixEpoch()}}, 3});
  });
  Serve();
  EXPECT_EQ(Run({"token", "issue", "--name", "ci bot", "--allow-privileged"}),
            0);
  EXPECT_EQ(out_.str(), "Token for ci bot (save this; not recoverable): ff\n");
  EXPECT_EQ(Run({"token", "revoke", "ci bot"}), 0);
  EXPECT_EQ(out_.str(), "Revoked token for ci bot\n");
  EXPECT_EQ(Run({"token", "list"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("1970-01-01T00:00:00Z -\n"));
  EXPECT_EQ(Run({"token", "list", "-o", "json"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("\"revoked_at\": null"));
}

TEST_F(CliTest, ListsAreLists) {
  status_.cluster_name = "demo";
  status_.nodes = {{"node-1", "10.0.0.5:7001", "READY", "VOTER", "1.0", 1}};
  server::AgentInfo info;
  info.nodes = {{7, "node-1", "10.0.0.5:7001", "LEAVING", "1.0"}};
  ON_CALL(operators_, Agent).WillByDefault([&] { return info; });
  Serve();
  EXPECT_EQ(Run({"node", "list", "-o", "json"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), StartsWith("{\n  \"nodes\": [\n    {\n"
                                     "      \"hostname\": \"node-1\""));
  EXPECT_THAT(out_.str(), Not(HasSubstr("demo")));
  EXPECT_EQ(Run({"node", "list", "-o", "yaml"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("nodes:\n  - hostname: \"node-1\"\n"));
  EXPECT_EQ(Run({"server", "members", "-o", "json"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), StartsWith("[\n  {\n    \"Addr\": \"10.0.0.5\",\n"
                                     "    \"Name\": \"node-1.global\",\n"
                                     "    \"Port\": 7001,\n"
                                     "    \"Status\": \"leaving\""));
  EXPECT_EQ(Run({"server", "members", "-o", "yaml"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("- Addr: \"10.0.0.5\"\n"));
}

TEST_F(CliTest, AServerThatIsNoMemberHasNoListOfNodes) {
  status_.nodes = {{"node-1", "10.0.0.5:7001", "READY", "?"}};
  status_.lifecycle = server::Lifecycle::kRemoved;
  status_.cluster_name = "demo";
  Serve();
  for (const auto& list :
       {std::pair("node", "list"), std::pair("server", "members")}) {
    for (const char* output : {"table", "json"}) {
      EXPECT_EQ(Run({list.first, list.second, "-o", output}), 1);
      EXPECT_EQ(out_.str(), "");
      EXPECT_THAT(err_.str(), StartsWith("Error: not_a_member: this server was "
                                         "removed from cluster demo; "));
    }
  }
  status_.lifecycle = server::Lifecycle::kJoining;
  EXPECT_EQ(Run({"node", "list"}), 1);
  EXPECT_EQ(err_.str(),
            "Error: cluster_uninitialized: this server is joining; see `jaco "
            "cluster status`\n");
  status_.lifecycle = server::Lifecycle::kUninitialized;
  EXPECT_EQ(Run({"node", "list"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("Error: cluster_uninitialized: this "
                                     "server is not part of a cluster yet\n"
                                     "Next: `jaco cluster init`"));
  status_.lifecycle = server::Lifecycle::kMember;
  status_.nodes.clear();
  EXPECT_EQ(Run({"node", "list"}), 1);
  EXPECT_EQ(err_.str(),
            "Error: no_leader: this server does not know the cluster's nodes "
            "yet\n");
  status_.joining = "a:1 has admitted this server";
  EXPECT_EQ(Run({"node", "list"}), 1);
  EXPECT_EQ(err_.str(),
            "Error: no_leader: this server is joining: a:1 has admitted this "
            "server\n");
}

TEST_F(CliTest, TheOutputMayComeFirst) {
  Serve();
  EXPECT_EQ(Run({"-o", "json", "cluster", "status"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), StartsWith("{\n"));
  EXPECT_EQ(Run({"--output=yaml", "cluster", "status"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), StartsWith("initialized: true\n"));
}

TEST_F(CliTest, ATokenIsNoArgument) {
  EXPECT_EQ(Run({"token", "list", "--token="}), 1);
  EXPECT_EQ(err_.str(),
            "Error: validation_failed: --token has no value\n"
            "Run with --help for more information.\n");
  for (const std::vector<std::string>& token :
       {std::vector<std::string>{"--token", ""},
        std::vector<std::string>{"--token=x"}}) {
    std::vector<std::string> arguments = {"token", "list"};
    arguments.insert(arguments.end(), token.begin(), token.end());
    EXPECT_EQ(Run(arguments), 1);
    EXPECT_THAT(err_.str(), StartsWith("Error: validation_failed: --token: a "
                                       "token on the command line is no "
                                       "secret; "));
  }
}

TEST_F(CliTest, ServerJoin) {
  using Request = server::JoinServersRequest;
  EXPECT_CALL(api_,
              JoinServers(_,
                          Field(&Request::addresses,
                                std::vector<std::string>{"a.lan:7000", "b:1"}),
                          _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::JoinServersResponse{2, ""});
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::JoinServersResponse{0, "failed joining: no"});
      });
  Serve();
  EXPECT_EQ(Run({"server", "join", "a.lan", "b:1"}), 0);
  EXPECT_EQ(out_.str(), "Joined 2 servers successfully\n");
  EXPECT_EQ(Run({"server", "join", "a.lan", "b:1"}), 1);
  EXPECT_EQ(err_.str(), "Error joining: failed joining: no\n");
  EXPECT_EQ(Run({"server", "join"}), 1);
}

TEST_F(CliTest, WaitsForALeader) {
  EXPECT_CALL(api_, RevokeToken).WillRepeatedly([](auto&, auto, auto reply) {
    reply(MakeError(ErrorCode::kNoLeader, "election"));
  });
  Serve();
  world_.retry_for = absl::Milliseconds(50);
  EXPECT_EQ(Run({"token", "revoke", "a"}), 1);
  EXPECT_EQ(err_.str(),
            "no leader, retrying\n"
            "Error: no_leader: no leader after 0 s\n"
            "  last answer: election\n");
}

// An election that takes long looks like a lost quorum.
TEST_F(CliTest, WaitsForAQuorum) {
  EXPECT_CALL(api_, RevokeToken)
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kNoLeader, ""));
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kQuorumLost, ""));
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::RevokeTokenResponse{2});
      })
      .WillRepeatedly([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kQuorumLost, "no majority"));
      });
  Serve();
  EXPECT_EQ(Run({"token", "revoke", "a"}), 0);
  EXPECT_EQ(err_.str(), "no leader, retrying\n");
  world_.retry_for = absl::Milliseconds(50);
  EXPECT_EQ(Run({"token", "revoke", "a"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("no leader, retrying\n"
                                     "Error: quorum_lost: no leader after 0 s\n"
                                     "  last answer: no majority\nNext: "));
}

TEST_F(CliTest, SucceedsWhenTheLeaderComes) {
  EXPECT_CALL(api_, RevokeToken)
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kNoLeader, ""));
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kNoLeader, ""));
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::RevokeTokenResponse{2});
      });
  Serve();
  EXPECT_EQ(Run({"token", "revoke", "a"}), 0);
  EXPECT_EQ(err_.str(), "no leader, retrying\n");
}

TEST_F(CliTest, WithoutADaemon) {
  EXPECT_EQ(Run({"cluster", "status"}), 1);
  EXPECT_EQ(err_.str(), absl::StrCat("Error: no --server given and local "
                                     "socket ",
                                     *world_.socket, " is not available\n"));
  EXPECT_EQ(Run({"cluster", "status", "--socket", "/flag.sock"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("local socket /flag.sock"));
  EXPECT_EQ(Run({"--socket=/flag.sock", "token", "list"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("local socket /flag.sock"));
}

TEST_F(CliTest, Usage) {
  EXPECT_EQ(Run({}), 1);
  EXPECT_THAT(err_.str(), StartsWith("Error: validation_failed: "));
  EXPECT_THAT(err_.str(), HasSubstr("subcommand is required"));
  EXPECT_EQ(Run({"clutser", "status"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean `cluster`?"));
  EXPECT_EQ(Run({"cluster", "statsu"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean `status`?"));
  EXPECT_EQ(Run({"token", "issue", "--nam", "x"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean `--name`?"));
  EXPECT_EQ(Run({"token", "issue"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("--name is required"));
  EXPECT_EQ(Run({"token", "revoke"}), 1);
  EXPECT_EQ(Run({"cluster", "init", "extra"}), 1);
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("cluster"));
  EXPECT_EQ(Run({"token", "issue", "--help"}), 0);
}

TEST_F(CliTest, Version) {
  EXPECT_EQ(Run({"version"}), 0);
  const std::string version = out_.str();
  EXPECT_THAT(version, HasSubstr("."));
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_EQ(out_.str(), version);
}

TEST_F(CliTest, RaftPeers) {
  EXPECT_CALL(operators_, ListPeers(_, false, _))
      .WillRepeatedly([](auto&, bool, auto reply) {
        reply(server::RaftPeers{5,
                                {{9, "b", "10.0.0.2:7001", true, true},
                                 {8, "a", "10.0.0.1:7001", false, false}}});
      });
  EXPECT_CALL(operators_, RemovePeer(_, Field(&server::PeerSelector::id, 9), _))
      .WillOnce([](auto&, auto, auto reply) { reply(server::RaftPeer{}); })
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kNodeNotFound, "is not there"));
      });
  EXPECT_CALL(operators_,
              TransferLeadership(
                  _, Field(&server::PeerSelector::address, "10.0.0.1:7001"), _))
      .WillOnce(
          [](auto&, auto, auto reply) { reply(server::TransferResponse{}); });
  Serve();
  EXPECT_EQ(Run({"operator", "raft", "list-peers"}), 0);
  EXPECT_EQ(out_.str(),
            "Node      ID  Address        State     Voter  RaftProtocol\n"
            "a.global  8   10.0.0.1:7001  follower  false  3\n"
            "b.global  9   10.0.0.2:7001  leader    true   3\n");
  EXPECT_EQ(Run({"operator", "raft", "list-peers", "-o", "yaml"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("Index: 5\nServers:\n"));
  EXPECT_EQ(Run({"operator", "raft", "remove-peer", "--peer-id", "9"}), 0);
  EXPECT_EQ(out_.str(), "Removed peer with id \"9\"\n");
  EXPECT_EQ(Run({"operator", "raft", "remove-peer", "--peer-id", "9"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("Error: node_not_found: is not there\n"));
  EXPECT_EQ(Run({"operator", "raft", "remove-peer"}), 1);
  EXPECT_EQ(err_.str(),
            "Error: validation_failed: one of --peer-id and --peer-address is "
            "required\n");
  EXPECT_EQ(Run({"operator", "raft", "transfer-leadership",
                 "--peer-address=10.0.0.1:7001"}),
            0);
  EXPECT_EQ(out_.str(),
            "Transferred leadership to peer with address "
            "\"10.0.0.1:7001\"\n");
}

TEST_F(CliTest, Autopilot) {
  server::AutopilotSettings settings;
  settings.modify_index = 4;
  EXPECT_CALL(operators_, GetAutopilot)
      .WillRepeatedly([&](auto&, bool, auto reply) { reply(settings); });
  EXPECT_CALL(operators_, SetAutopilot)
      .WillOnce([&](auto&, auto request, auto reply) {
        EXPECT_EQ(request.if_modify_index, 4u);
        EXPECT_FALSE(request.settings.cleanup_dead_servers);
        EXPECT_EQ(request.settings.last_contact_threshold, absl::Seconds(1));
        EXPECT_EQ(request.settings.max_trailing_logs, 250u);
        reply(request.settings);
      })
      .WillOnce([&](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kConflict, "late"));
      });
  EXPECT_CALL(operators_, Health).WillOnce([](auto&, auto reply) {
    server::AutopilotHealth health;
    health.leader = 7;
    health.servers = {{.id = 7, .name = "a", .address = "a:1", .voter = true}};
    reply(health);
  });
  Serve();
  EXPECT_EQ(Run({"operator", "autopilot", "get-config"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("CleanupDeadServers = true\n"
                                     "LastContactThreshold = 200ms\n"));
  EXPECT_EQ(Run({"operator", "autopilot", "get-config", "-o", "json"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("\"ModifyIndex\": 4"));
  EXPECT_EQ(
      Run({"operator", "autopilot", "set-config",
           "--cleanup-dead-servers=false", "--last-contact-threshold", "1s"}),
      0)
      << err_.str();
  EXPECT_EQ(out_.str(), "Configuration updated!\n");
  EXPECT_EQ(Run({"operator", "autopilot", "set-config", "--min-quorum=3"}), 1);
  EXPECT_EQ(err_.str(),
            "Error: conflict: Configuration could not be atomically updated, "
            "please try again\n");
  EXPECT_EQ(Run({"operator", "autopilot", "set-config",
                 "--server-stabilization-time=soon"}),
            1);
  EXPECT_EQ(err_.str(),
            "Error: validation_failed: invalid duration \"soon\"\n");
  EXPECT_EQ(Run({"operator", "autopilot", "health"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), StartsWith("Healthy: false\nFailureTolerance: 0\n"
                                     "Leader: 7\nVoters:\n\t7\nServers:\n"));
}

TEST_F(CliTest, TheAuthorityIsRotated) {
  EXPECT_CALL(operators_, RotateAuthority).WillOnce([](auto&, auto reply) {
    reply(server::AuthoritiesResponse{"ab", 2});
  });
  EXPECT_CALL(operators_,
              RetireAuthorities(
                  _, Field(&server::RetireAuthoritiesRequest::force, true), _))
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::AuthoritiesResponse{"ab", 1});
      });
  Serve();
  EXPECT_EQ(Run({"cluster", "rotate-ca"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("  fingerprint: ab\n"));
  EXPECT_EQ(Run({"cluster", "retire-ca", "--force"}), 0);
}

// What bash makes of a line, with the cursor at its end.
std::string Completed(const std::string& script, const std::string& line) {
  const std::string command =
      absl::StrCat(script, "\nCOMP_WORDS=(", line,
                   ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_jaco\n"
                   "echo \"${COMPREPLY[@]}\"\n");
  const std::string path = "/tmp/jaco-completion-" + std::to_string(getpid());
  std::ofstream(path) << command;
  FILE* const out = popen(absl::StrCat("bash ", path).c_str(), "r");
  std::string text(4096, '\0');
  text.resize(fread(text.data(), 1, text.size(), out));
  pclose(out);
  std::filesystem::remove(path);
  return text;
}

TEST_F(CliTest, Completion) {
  ASSERT_EQ(Run({"completion", "bash"}), 0);
  const std::string script = out_.str();
  EXPECT_EQ(Completed(script, "jaco op"), "operator\n");
  EXPECT_EQ(Completed(script, "jaco operator raft tr"),
            "transfer-leadership\n");
  EXPECT_EQ(Completed(script, "jaco --socket x operator raft remove-peer --p"),
            "--peer-id --peer-address\n");
  EXPECT_EQ(Completed(script, "jaco token list --ca"), "--ca-cert\n");
  EXPECT_EQ(Completed(script, "jaco completion ''"),
            Completed(script, "jaco completion \"\""));
  EXPECT_THAT(Completed(script, "jaco completion ''"),
              HasSubstr("bash zsh fish"));
  // Files are for the shell to find.
  EXPECT_THAT(script, HasSubstr("complete -o default -F _jaco jaco\n"));
  EXPECT_EQ(Completed(script, "jaco restore ''"), "\n");
  EXPECT_EQ(Completed(script, "jaco restore --na"), "--name\n");
  EXPECT_EQ(Completed(script, "jaco token list --ca-cert ''"), "\n");
  EXPECT_NE(Completed(script, "jaco node remove --force ''"), "\n");
  // A hidden option is not offered.
  EXPECT_EQ(Completed(script, "jaco token list --tok"), "--token-file\n");
  ASSERT_EQ(Run({"completion", "zsh"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("#compdef jaco\n"));
  ASSERT_EQ(Run({"completion", "fish"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("'list-peers'"));
  EXPECT_THAT(out_.str(), HasSubstr(" -l 'ca-cert' -r -F "));
  EXPECT_EQ(Run({"completion", "tcsh"}), 1);
}

}  // namespace
}  // namespace jaco::cmd
