// Servers that wait for each other, and what else leads into a cluster:
// backups, and join tokens of earlier attempts.

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/bootstrap_api.h"
#include "jaco/server/bootstrap_record.h"
#include "jaco/server/operator_api.h"
#include "jaco/sim/server/testing/bootstrap_cluster.h"

namespace jaco::server {
namespace {

using ::testing::HasSubstr;

class BootstrapDoorsTest : public BootstrapCluster {
 protected:
  static BootstrapRequest Recovery() {
    return {.action = BootstrapAction::kRecover,
            .recovery_filename = "/backup",
            .recovery_secret = "not sealed"};
  }
  static std::string CodeName(const absl::Status& status) {
    return status.ok() ? "ok" : std::string(ErrorCodeName(CodeOf(status)));
  }

  // Of a cluster that is gone.
  std::string OldBackup() {
    expects_[9] = 0;
    Start(9);
    At(9).Init({}, {}, [](const auto& response) {
      EXPECT_TRUE(response.ok()) << response.status();
    });
    Run(Seconds(1));
    std::string archive;
    At(9).Backup(Caller::Local(), [&](const auto& response) {
      EXPECT_TRUE(response.ok()) << response.status();
      if (response.ok()) archive = response->archive;
    });
    Run(Seconds(1));
    PowerLoss(9);
    return archive;
  }
  void WriteFile(NodeNumber node, const std::string& path,
                 const std::string& bytes) {
    auto file = files_[node]->Open(path, env::OpenMode::kCreateTruncate);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->WriteAt(0, bytes).ok());
  }
  std::shared_ptr<std::string> BeginRestore(NodeNumber node,
                                            const std::string& archive) {
    auto said = std::make_shared<std::string>("none");
    At(node).Restore(Caller::Local(), {archive}, [said](const auto& response) {
      *said = CodeName(response.status());
    });
    return said;
  }
  std::string Validate(NodeNumber node, BootstrapRequest request) {
    auto said = std::make_shared<std::string>("none");
    At(node).bootstrap().Validate(
        std::move(request),
        [said](const absl::Status& status) { *said = CodeName(status); });
    Run(Seconds(1));
    return *said;
  }
  BootstrapStatus StatusOf(NodeNumber node) {
    auto status = std::make_shared<BootstrapStatus>();
    At(node).bootstrap().Report([status](const auto& report) {
      if (report.ok()) *status = report->status;
    });
    Run(Milliseconds(100));
    return *status;
  }

  // Server 1 is to found.
  static FounderVote VoteForServer1() {
    FounderVote vote;
    vote.mutable_promised()->set_round(1);
    vote.mutable_promised()->set_server(1);
    *vote.mutable_accepted() = vote.promised();
    vote.mutable_founder()->set_server_id(1);
    vote.mutable_founder()->set_node_name("n1");
    return vote;
  }
  void WriteVote(NodeNumber node) {
    BootstrapRecord record;
    record.set_server_id(node);
    *record.mutable_vote() = VoteForServer1();
    ASSERT_TRUE(StoreBootstrapRecord(*files_[node], "/data",
                                     EncodeBootstrapRecord(record))
                    .ok());
  }
  // Server 1 asks; whether it has the vote.
  std::shared_ptr<bool> AskToAccept(NodeNumber node) {
    HelloRequest request;
    request.set_server_id(1);
    request.set_node_name("n1");
    request.set_address(ApiOf(1));
    request.set_expect(expect_);
    request.set_ask(HelloRequest::ACCEPT);
    *request.mutable_ballot() = VoteForServer1().accepted();
    *request.mutable_founder() = VoteForServer1().founder();
    auto granted = std::make_shared<bool>(false);
    At(node).Hello({.bootstrap_peer = true, .address = "10.0.0.1"}, request,
                   [granted](const auto& response) {
                     EXPECT_TRUE(response.ok()) << response.status();
                     *granted = response.ok() && response->granted();
                   });
    return granted;
  }
  void ExpectNoCluster(NodeNumber node) {
    EXPECT_EQ(At(node).lifecycle(), Lifecycle::kUninitialized);
    EXPECT_EQ(At(node).raft(), nullptr);
  }
};

TEST_F(BootstrapDoorsTest, WhoHasAcceptedAFounderRestoresNothing) {
  const std::string archive = OldBackup();
  WriteVote(2);
  WriteFile(2, "/backup", archive);
  Start(2);
  const auto restored = BeginRestore(2, archive);
  Run(Seconds(1));
  EXPECT_EQ(*restored, "conflict");
  EXPECT_EQ(Validate(2, Recovery()), "conflict");
  EXPECT_TRUE(At(2).bootstrap().Begin(Caller::Local(), Recovery()).ok());
  Run(Seconds(2));
  const BootstrapStatus status = StatusOf(2);
  EXPECT_EQ(status.state, BootstrapState::kError);
  EXPECT_THAT(status.error_message, HasSubstr("agreed that n1 founds"));
  ExpectNoCluster(2);
}

// A backup takes its time, and until then the server takes part.
TEST_F(BootstrapDoorsTest, AVoteDuringARestoreCounts) {
  const std::string archive = OldBackup();
  Start(2);
  const auto restored = BeginRestore(2, archive);
  const auto granted = AskToAccept(2);
  Run(Seconds(2));
  EXPECT_TRUE(*granted);
  EXPECT_EQ(*restored, "conflict");
  ExpectNoCluster(2);
}

TEST_F(BootstrapDoorsTest, AVoteDuringARecoveryCounts) {
  const std::string archive = OldBackup();
  WriteFile(2, "/backup", archive);
  Start(2);
  EXPECT_EQ(Validate(2, Recovery()), "ok");
  EXPECT_TRUE(At(2).bootstrap().Begin(Caller::Local(), Recovery()).ok());
  std::shared_ptr<bool> granted;
  for (int i = 0; i < 2000 && granted == nullptr; ++i) {
    Run(Microseconds(10));
    // The file is being read.
    if (At(2).Status().lifecycle == Lifecycle::kRecovering) {
      granted = AskToAccept(2);
    }
  }
  ASSERT_NE(granted, nullptr);
  Run(Seconds(2));
  EXPECT_TRUE(*granted);
  EXPECT_EQ(StatusOf(2).state, BootstrapState::kError);
  ExpectNoCluster(2);
}

TEST_F(BootstrapDoorsTest, WhoWaitsForNobodyRestores) {
  const std::string archive = OldBackup();
  Start(2);
  const auto restored = BeginRestore(2, archive);
  Run(Seconds(2));
  EXPECT_EQ(*restored, "ok");
  EXPECT_EQ(Members(), 1u);
}

// A server has a token and cannot use it before the authority that it names is
// replaced.
TEST_F(BootstrapDoorsTest, ATokenOfAnAuthorityThatIsRetiredIsReplaced) {
  Start(1);
  At(1).Init({}, {}, [](const auto&) {});
  Run(Seconds(2));
  BootstrapRecord record;
  record.set_server_id(4);
  record.set_cluster_id(*ClusterIds().begin());
  record.set_join_token(NewJoinToken(1));
  ASSERT_TRUE(
      StoreBootstrapRecord(*files_[4], "/data", EncodeBootstrapRecord(record))
          .ok());
  std::string outcome;
  const auto note = [&](const auto& response) {
    outcome = CodeName(response.status());
  };
  At(1).operators().RotateAuthority({}, note);
  Run(Seconds(5));
  ASSERT_EQ(outcome, "ok");
  At(1).operators().RetireAuthorities({}, {}, note);
  Run(Seconds(5));
  ASSERT_EQ(outcome, "ok");
  Start(4);
  Run(Seconds(8));
  EXPECT_EQ(Members(), 2u) << AllProgress();
}

}  // namespace
}  // namespace jaco::server
