#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/cmd/cli_test.h"

namespace jaco::cmd {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CliJoinTest : public CliTest {
 protected:
  auto IsJoin(const std::string& peer, const std::string& token) {
    return AllOf(Field(&server::JoinRequest::peer, peer),
                 Field(&server::JoinRequest::join_token, token));
  }
};

TEST_F(CliJoinTest, ThePeerMayBeAUrl) {
  EXPECT_CALL(api_, Join(_, IsJoin("10.0.0.5:7000", "t"), _))
      .Times(3)
      .WillRepeatedly(
          [](auto&, auto, auto reply) { reply(server::JoinResponse{"id"}); });
  Serve();
  for (const char* peer :
       {"10.0.0.5:7000", "10.0.0.5", "https://10.0.0.5:7000"}) {
    EXPECT_EQ(Run({"node", "join", "--peer", peer, "--token", "t"}), 0)
        << err_.str();
    EXPECT_EQ(out_.str(), "Joined cluster.\n");
  }
  EXPECT_EQ(Run({"node", "join", "--peer", "a b", "--token", "t"}), 1);
  EXPECT_EQ(err_.str(),
            "Error: validation_failed: --peer: \"a b\" is not host:port, as "
            "10.0.0.5:7000\n");
}

TEST_F(CliJoinTest, ATokenFromAnywhere) {
  EXPECT_CALL(api_, Join(_, IsJoin("h:1", "t"), _))
      .Times(3)
      .WillRepeatedly(
          [](auto&, auto, auto reply) { reply(server::JoinResponse{"id"}); });
  Serve();
  const std::string file = absl::StrCat(root_, "/token");
  std::ofstream(file) << "t\n";
  EXPECT_EQ(Run({"node", "join", "--peer=h:1", "--token-file", file}), 0)
      << err_.str();
  std::istringstream in("t\n");
  world_.in = &in;
  EXPECT_EQ(Run({"node", "join", "--peer=h:1", "--token-file=-"}), 0)
      << err_.str();
  EXPECT_EQ(Run({"node", "join", "--peer=h:1"}), 1);
  EXPECT_EQ(err_.str(),
            "Error: validation_failed: --token, --token-file or "
            "JACO_JOIN_TOKEN env is required\n");
  world_.join_token = "t";
  EXPECT_EQ(Run({"node", "join", "--peer=h:1"}), 0) << err_.str();
  EXPECT_EQ(Run({"node", "join", "--peer=h:1", "--token=a", "--token-file=b"}),
            1);
  EXPECT_THAT(err_.str(), HasSubstr("are both given"));
  EXPECT_EQ(Run({"node", "join", "--peer=h:1", "--token-file=/no/such"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("Error: not_found: "));
}

TEST_F(CliJoinTest, AJoinIsPatient) {
  EXPECT_CALL(api_, Join)
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kNoLeader, ""));
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kQuorumLost, ""));
      })
      .WillOnce(
          [](auto&, auto, auto reply) { reply(server::JoinResponse{"id"}); })
      // Perhaps admitted: the operator decides.
      .WillOnce([](auto&, auto, auto reply) {
        reply(MakeError(ErrorCode::kTimeout, "late"));
      });
  Serve();
  EXPECT_EQ(Run({"node", "join", "--peer=h:1", "--token=t"}), 0);
  EXPECT_EQ(err_.str(), "no leader, retrying\n");
  EXPECT_EQ(Run({"node", "join", "--peer=h:1", "--token=t"}), 1);
  EXPECT_EQ(err_.str(), "Error: timeout: late\n");
}

TEST_F(CliJoinTest, ThePrintedCommandNamesTheServer) {
  EXPECT_CALL(api_, IssueJoinToken)
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::IssueJoinTokenResponse{"ab.cd", absl::UnixEpoch(), "",
                                             "10.0.0.5:7000"});
      })
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::IssueJoinTokenResponse{"ab.cd", absl::UnixEpoch()});
      })
      // Where the host has no address that it could tell.
      .WillOnce([](auto&, auto, auto reply) {
        reply(server::IssueJoinTokenResponse{"ab.cd", absl::UnixEpoch(), "",
                                             "127.0.0.1:7000"});
      });
  Serve();
  EXPECT_EQ(Run({"node", "issue-join-token"}), 0);
  EXPECT_THAT(out_.str(),
              HasSubstr("\n\n  sudo jaco node join --peer=10.0.0.5:7000 "
                        "--token=ab.cd\n\n"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Run({"node", "issue-join-token"}), 0);
    EXPECT_THAT(out_.str(), HasSubstr("\n\n  sudo jaco node join "
                                      "--peer=<this-node-host:port> "
                                      "--token=ab.cd\n\n"));
  }
}

TEST_F(CliJoinTest, FilesAreOfThisHost) {
  world_.token = "t";
  for (const char* command : {"info", "logs", "state"}) {
    EXPECT_EQ(Run({"operator", "raft", command, "--server=http://127.0.0.1:1"}),
              1);
    EXPECT_THAT(err_.str(), HasSubstr("--server names another one"));
  }
}

TEST_F(CliJoinTest, TheAuthorityIsShownIfAskedFor) {
  EXPECT_CALL(api_, IssueJoinToken).WillRepeatedly([](auto&, auto, auto reply) {
    reply(server::IssueJoinTokenResponse{"ab.cd", absl::UnixEpoch(), "PEM\n"});
  });
  Serve();
  EXPECT_EQ(Run({"node", "issue-join-token", "--show-ca"}), 0);
  EXPECT_THAT(out_.str(), testing::EndsWith("(single-use).\n\nPEM\n"));
  EXPECT_EQ(Run({"node", "issue-join-token"}), 0);
  EXPECT_THAT(out_.str(), testing::EndsWith("(single-use).\n"));
}

TEST_F(CliJoinTest, ARestoreStaysAwayFromThisHostIfAnotherIsNamed) {
  // As in a backup, but the command must not come as far as to read it.
  const std::string data = absl::StrCat(root_, "/data");
  world_.token = "t";
  EXPECT_EQ(
      Run({"restore", "f", "--server=http://127.0.0.1:1", "--data-dir", data}),
      1);
  EXPECT_THAT(err_.str(), HasSubstr("--server names another one"));
  EXPECT_FALSE(std::filesystem::exists(data));
}

}  // namespace
}  // namespace jaco::cmd
