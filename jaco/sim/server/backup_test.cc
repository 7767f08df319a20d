// A cluster leaves a backup, is lost, and comes back; a cluster that runs takes
// an earlier state back.

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/backup_format.h"
#include "jaco/sim/server/testing/joining_cluster.h"

namespace jaco::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

class BackupTest : public TokenJoinTest {
 protected:
  // A cluster with authorities: server 1, then the others.
  void FoundWithKeys(int servers) {
    Start(1);
    At(1).Init({}, {}, [this](absl::StatusOr<InitResponse> response) {
      ASSERT_TRUE(response.ok()) << response.status();
      cluster_id_ = response->cluster_id;
      operator_token_ = response->operator_token;
    });
    Run(Seconds(2));
    for (NodeNumber node = 2; node <= servers; ++node) {
      Start(node);
      EXPECT_EQ(Join(node, 1), "ok");
    }
    Run(Seconds(4));
  }
  void FoundWithKeysElsewhere(NodeNumber node) {
    Start(node);
    At(node).Init({}, {}, [](const auto& response) {
      EXPECT_TRUE(response.ok()) << response.status();
    });
    Run(Seconds(2));
  }
  std::string Join(NodeNumber node, NodeNumber member) {
    return TokenJoinTest::Join(node, member, NewJoinToken("", member));
  }

  static std::string CodeName(const absl::Status& status) {
    return status.ok() ? "ok" : std::string(ErrorCodeName(CodeOf(status)));
  }

  std::string IssueOne(NodeNumber node, const std::string& identity) {
    std::string token;
    At(node).IssueToken({}, {.identity = identity}, [&](const auto& response) {
      ASSERT_TRUE(response.ok()) << response.status();
      token = response->token;
    });
    Run(Milliseconds(500));
    return token;
  }
  void Revoke(NodeNumber node, const std::string& identity) {
    At(node).RevokeToken({}, {.identity = identity}, [](const auto& response) {
      EXPECT_TRUE(response.ok()) << response.status();
    });
    Run(Milliseconds(500));
  }

  std::string Backup(NodeNumber node) {
    std::string archive;
    At(node).Backup(Caller::Local(), [&archive](const auto& response) {
      ASSERT_TRUE(response.ok()) << response.status();
      archive = response->archive;
    });
    Run(Seconds(1));
    return archive;
  }
  std::string Save(NodeNumber node) {
    std::string archive;
    At(node).SaveSnapshot(Caller::Local(), [&archive](const auto& response) {
      ASSERT_TRUE(response.ok()) << response.status();
      archive = response->archive;
    });
    Run(Seconds(1));
    return archive;
  }
  // "ok", the code, or "none".
  std::string Restore(NodeNumber node, const std::string& archive) {
    auto outcome = std::make_shared<std::string>("none");
    At(node).Restore(
        Caller::Local(), {archive},
        [outcome, this](const absl::StatusOr<RestoreResponse>& response) {
          *outcome = CodeName(response.status());
          if (response.ok()) restored_ = *response;
        });
    Run(Seconds(2));
    return *outcome;
  }
  std::string RestoreSnapshot(NodeNumber node, const std::string& archive,
                              Duration time = Seconds(2)) {
    auto outcome = std::make_shared<std::string>("none");
    At(node).RestoreSnapshot(Caller::Local(), {archive},
                             [outcome](const auto& response) {
                               *outcome = CodeName(response.status());
                             });
    Run(time);
    return *outcome;
  }

  fsm::ClusterState StateOf(const std::string& archive) {
    fsm::ClusterState state;
    const auto content = DecodeBackup(archive);
    EXPECT_TRUE(content.ok()) << content.status();
    EXPECT_TRUE(state.RestoreSnapshot(content->state).ok());
    EXPECT_EQ(content->meta.index, state.applied().value());
    return state;
  }
  std::string NameOf(NodeNumber node, const std::string& token) {
    auto name = std::make_shared<std::string>("none");
    At(node).Authenticate(
        token, /*stale=*/false, [name](const absl::StatusOr<Caller>& caller) {
          *name = caller.ok() ? caller->identity : CodeName(caller.status());
        });
    Run(Milliseconds(500));
    return *name;
  }
  size_t Voters(NodeNumber node) {
    return At(node).raft()->configuration().voters.size();
  }
  fsm::AuditType LastAudit(NodeNumber node) {
    return At(node).state().audit().back().type();
  }

  std::string cluster_id_;
  std::string operator_token_;
  RestoreResponse restored_;
};

// Writes go on all the time; the backup is of one moment, after all that was
// acknowledged when it was asked for.
TEST_F(BackupTest, IsOfOneMomentUnderLoad) {
  Found(3);
  const NodeNumber leader = Leader();
  const auto write = [&] {
    const std::string name = absl::StrCat("t", ++issued_);
    At(leader).IssueToken({}, {.identity = name},
                          [this, name](const auto& response) {
                            if (response.ok()) acknowledged_.insert(name);
                          });
  };
  for (const NodeNumber node : {leader, NodeNumber(leader % 3 + 1)}) {
    for (int i = 0; i < 20; ++i) {
      write();
      Run(Milliseconds(3));
    }
    const std::set<std::string> before = acknowledged_;
    ASSERT_FALSE(before.empty());
    std::string archive;
    At(node).Backup(Caller::Local(), [&archive](const auto& response) {
      ASSERT_TRUE(response.ok()) << response.status();
      archive = response->archive;
    });
    for (int i = 0; i < 50; ++i) {
      write();
      Run(Milliseconds(3));
    }
    Run(Seconds(1));
    const fsm::ClusterState state = StateOf(archive);
    std::set<std::string> names;
    for (const auto& [name, token] : state.tokens()) names.insert(name);
    EXPECT_THAT(names, IsSupersetOf(before));
    // A prefix of what was written, without a gap; and `bootstrap`.
    for (size_t i = 1; i < names.size(); ++i) {
      EXPECT_TRUE(names.contains(absl::StrCat("t", i))) << i;
    }
    EXPECT_LT(names.size(), static_cast<size_t>(issued_));
    EXPECT_TRUE(std::any_of(
        state.audit().begin(), state.audit().end(), [](const auto& event) {
          return event.type() == fsm::AUDIT_TYPE_BACKUP_TAKEN;
        }));
  }
}

TEST_F(BackupTest, OneArchiveAtATime) {
  FoundWithKeys(1);
  const std::string archive = Backup(1);
  std::vector<std::string> outcomes;
  const auto tell = [&outcomes](const auto& response) {
    outcomes.push_back(CodeName(response.status()));
  };
  At(1).Backup(Caller::Local(), tell);
  At(1).Backup(Caller::Local(), tell);
  At(1).SaveSnapshot(Caller::Local(), tell);
  At(1).RestoreSnapshot(Caller::Local(), {archive}, tell);
  Run(Seconds(1));
  EXPECT_THAT(outcomes, ElementsAre("rate_limited", "rate_limited",
                                    "rate_limited", "ok"));
  outcomes.clear();
  // Whatever comes of it, the next one has its turn.
  At(1).RestoreSnapshot(Caller::Local(), {"x"}, tell);
  At(1).Backup(Caller::Local(), tell);
  Run(Seconds(1));
  EXPECT_THAT(outcomes, ElementsAre("rate_limited", "data_loss"));
  EXPECT_EQ(RestoreSnapshot(1, archive), "ok");
  Start(4);
  At(4).Restore(Caller::Local(), {archive}, tell);
  At(4).Restore(Caller::Local(), {archive}, tell);
  Run(Seconds(1));
  EXPECT_EQ(outcomes.back(), "ok");
  EXPECT_EQ(outcomes[2], "rate_limited");
}

TEST_F(BackupTest, BringsAClusterBackFromNothing) {
  FoundWithKeys(3);
  const std::string kept = IssueOne(1, "kept");
  const std::string revoked = IssueOne(2, "revoked");
  Revoke(3, "revoked");
  const std::string archive = Backup(2);
  EXPECT_EQ(LastAudit(1), fsm::AUDIT_TYPE_BACKUP_TAKEN);
  const raft::Term term = At(1).raft()->term();
  const raft::LogIndex index = At(1).raft()->last().index;
  IssueOne(1, "later");

  NewDisks(1);
  Start(4);
  EXPECT_EQ(Restore(4, archive), "ok");
  EXPECT_EQ(restored_.cluster_id, cluster_id_);
  EXPECT_EQ(At(4).state().cluster()->id(), cluster_id_);
  EXPECT_GT(At(4).raft()->term(), term);
  EXPECT_GT(At(4).raft()->last().index, index);
  EXPECT_EQ(Leader(), 4);
  EXPECT_EQ(NameOf(4, operator_token_), "bootstrap");
  EXPECT_EQ(NameOf(4, kept), "kept");
  EXPECT_EQ(NameOf(4, revoked), "token_revoked");
  ASSERT_EQ(At(4).state().nodes().size(), 1u);
  EXPECT_EQ(At(4).state().nodes().begin()->second.name(), "n4");
  EXPECT_TRUE(At(4).state().join_tokens().empty());
  EXPECT_EQ(LastAudit(4), fsm::AUDIT_TYPE_RESTORE_COMPLETED);

  // It grows as any other, and starts again.
  PowerLoss(4);
  Start(4);
  Run(Seconds(2));
  for (const NodeNumber node : {1, 2}) {
    Start(node);
    EXPECT_EQ(Join(node, 4), "ok");
  }
  Run(Seconds(5));
  EXPECT_EQ(Voters(4), 3u);
  EXPECT_EQ(NameOf(2, kept), "kept");
  IssueOne(1, "new");
  EXPECT_EQ(At(4).state().digest(), At(2).state().digest());
  EXPECT_EQ(At(4).state().tokens().count("later"), 0u);
}

// The power fails at every operation of the disk: the server is then
// uninitialized, and takes the backup, or is all of the cluster.
TEST_F(BackupTest, ARestoreThatIsCutOffIsWholeOrNothing) {
  FoundWithKeys(1);
  const std::string kept = IssueOne(1, "kept");
  const std::string archive = Backup(1);
  bool cut_off = true;
  size_t whole = 0;
  for (uint64_t n = 1; cut_off; ++n) {
    ASSERT_LT(n, 200u);
    SCOPED_TRACE(n);
    NewDisks(n);
    Start(2);
    files_[2]->FailAt(files_[2]->operations() + n,
                      sim::SimFileSystem::Fault::kCrash);
    const std::string first = Restore(2, archive);
    cut_off = files_[2]->crashed();
    PowerLoss(2);
    Start(2);
    Run(Seconds(1));
    if (At(2).lifecycle() == Lifecycle::kUninitialized) {
      EXPECT_NE(first, "ok");
      if (n % 3 == 0) {
        // Or it becomes something else: nothing of the backup is left then.
        At(2).Init({}, {}, [](const auto& response) {
          EXPECT_TRUE(response.ok()) << response.status();
        });
        Run(Seconds(1));
        EXPECT_EQ(At(2).state().tokens().size(), 1u);
        continue;
      }
      EXPECT_EQ(Restore(2, archive), "ok");
    } else {
      ++whole;
    }
    Run(Seconds(2));
    ASSERT_EQ(At(2).lifecycle(), Lifecycle::kMember);
    EXPECT_EQ(NameOf(2, kept), "kept");
    EXPECT_EQ(At(2).state().nodes().size(), 1u);
    EXPECT_EQ(At(2).state().cluster()->id(), cluster_id_);
    IssueOne(2, "new");
  }
  EXPECT_GE(whole, 1u);
}

// Somebody restores a cluster that is not lost, on a host of it. That makes two
// clusters with one name, which is forbidden; but neither gets a word of the
// other into its log.
TEST_F(BackupTest, TheOldAndTheNewDoNotMix) {
  FoundWithKeys(3);
  const std::string archive = Backup(1);
  IssueOne(2, "old");
  PowerLoss(1);
  files_[1] = std::make_unique<sim::SimFileSystem>(Prng(5));
  ASSERT_TRUE(files_[1]->CreateDirectory("/data").ok());
  Start(1);
  ASSERT_EQ(Restore(1, archive), "ok");
  Run(Seconds(5));
  IssueOne(1, "new");
  const std::string join_token = [&] {
    std::string token;
    At(1).IssueJoinToken({}, {}, [&](const auto& r) { token = r->join_token; });
    Run(Seconds(1));
    return token;
  }();
  const NodeNumber old_leader = At(2).raft()->role() == raft::Role::kLeader
                                    ? NodeNumber(2)
                                    : NodeNumber(3);
  EXPECT_EQ(At(old_leader).raft()->role(), raft::Role::kLeader);
  IssueOne(old_leader, "old-2");
  Run(Seconds(5));
  EXPECT_LT(At(old_leader).raft()->term(), raft::Term(1000));
  EXPECT_EQ(At(1).raft()->role(), raft::Role::kLeader);
  EXPECT_EQ(At(1).state().tokens().count("old"), 0u);
  EXPECT_EQ(At(1).state().tokens().count("old-2"), 0u);
  EXPECT_EQ(At(old_leader).state().tokens().count("new"), 0u);
  for (const auto& [id, node] : At(old_leader).state().nodes()) {
    EXPECT_EQ(At(1).state().nodes().count(id), 0u) << node.name();
    EXPECT_EQ(At(1).state().removed().count(id), 1u) << node.name();
  }
  // A token to join one of them is nothing to the other.
  EXPECT_EQ(NameOf(old_leader, join_token.substr(0, join_token.find('.'))),
            "token_invalid");
}

TEST_F(BackupTest, WhatIsRefusedChangesNothing) {
  FoundWithKeys(1);
  const std::string archive = Backup(1);
  const std::string snapshot = Save(1);
  EXPECT_EQ(LastAudit(1), fsm::AUDIT_TYPE_SNAPSHOT_SAVED);
  EXPECT_EQ(Restore(1, archive), "cluster_already_initialized");
  for (const Caller& caller : {Caller{}, Caller{.identity = "ops"}}) {
    std::vector<std::string> codes;
    const auto note = [&codes](const auto& response) {
      codes.push_back(CodeName(response.status()));
    };
    At(1).Backup(caller, note);
    At(1).SaveSnapshot(caller, note);
    At(1).Restore(caller, {archive}, note);
    At(1).RestoreSnapshot(caller, {snapshot}, note);
    Run(Seconds(1));
    EXPECT_EQ(codes, std::vector<std::string>(4, "permission_denied"));
  }
  Start(2);
  const uint64_t operations = files_[2]->operations();
  EXPECT_EQ(Restore(2, snapshot), "validation_failed");
  EXPECT_EQ(Restore(2, ""), "data_loss");
  EXPECT_EQ(Restore(2, archive.substr(0, archive.size() - 1)), "data_loss");
  for (size_t i = 20; i < archive.size(); i += 101) {
    std::string changed = archive;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    EXPECT_EQ(Restore(2, changed), "data_loss") << i;
  }
  EXPECT_EQ(files_[2]->operations(), operations);
  EXPECT_EQ(At(2).lifecycle(), Lifecycle::kUninitialized);
  // A keyring of another cluster does not open the authority's key.
  auto content = DecodeBackup(archive);
  content->keyring = "rubbish";
  EXPECT_EQ(Restore(2, *EncodeBackup(*content)), "data_loss");
  content->meta.index += 1;
  EXPECT_EQ(Restore(2, *EncodeBackup(*content)), "data_loss");
  EXPECT_EQ(Restore(2, archive), "ok");
}

TEST_F(BackupTest, ASnapshotComesBackIntoALiveCluster) {
  restore_piece_bytes_ = 100;
  FoundWithKeys(3);
  const std::string kept = IssueOne(1, "kept");
  const std::string archive = Save(2);
  const std::string later = IssueOne(1, "later");
  Revoke(1, "kept");
  const raft::LogIndex index = At(1).raft()->last().index;
  const auto nodes = At(1).state().nodes().size();
  const std::string authority =
      At(1).state().cluster()->authorities(0).sealed_key();
  EXPECT_EQ(RestoreSnapshot(3, archive, Seconds(5)), "ok");
  for (const NodeNumber node : {1, 2, 3}) {
    EXPECT_EQ(NameOf(node, kept), "kept");
    EXPECT_EQ(NameOf(node, later), "token_invalid");
    EXPECT_EQ(At(node).state().nodes().size(), nodes);
    EXPECT_EQ(At(node).state().digest(), At(1).state().digest());
    EXPECT_EQ(LastAudit(node), fsm::AUDIT_TYPE_SNAPSHOT_RESTORED);
    EXPECT_GT(At(node).raft()->last().index, index);
    EXPECT_EQ(At(node).state().cluster()->authorities(0).sealed_key(),
              authority);
  }
  // What was revoked, and who joined, is in the audit log still.
  EXPECT_EQ(At(1).state().audit().front().index(), 2u);
  // Also after a restart.
  PowerLoss(2);
  Start(2);
  Run(Seconds(2));
  EXPECT_EQ(At(2).state().digest(), At(1).state().digest());

  FoundWithKeysElsewhere(4);
  EXPECT_EQ(RestoreSnapshot(4, archive), "config_mismatch");
  EXPECT_EQ(RestoreSnapshot(1, archive.substr(1)), "data_loss");
}

// The leader dies at some moment of it: afterwards all servers have the old
// state or the new one, and the same.
TEST_F(BackupTest, ALiveRestoreThatIsCutOffIsWholeOrNothing) {
  restore_piece_bytes_ = 100;
  FoundWithKeys(3);
  const std::string kept = IssueOne(1, "kept");
  const std::string archive = Save(1);
  size_t undone = 0;
  size_t done = 0;
  for (int n = 0; n < 12; ++n) {
    SCOPED_TRACE(n);
    const NodeNumber leader = Leader();
    const NodeNumber asked = n % 2 == 0 ? leader : leader % 3 + 1;
    const std::string name = absl::StrCat("later-", n);
    const std::string later = IssueOne(leader, name);
    RestoreSnapshot(asked, archive, Milliseconds(1 + 8 * n));
    PowerLoss(leader);
    Start(leader);
    Run(Seconds(15));
    const std::string now = NameOf(1, later);
    EXPECT_THAT(now, ::testing::AnyOf(name, "token_invalid"));
    (now == name ? undone : done) += 1;
    EXPECT_EQ(NameOf(1, kept), "kept");
    for (const NodeNumber node : {2, 3}) {
      EXPECT_EQ(At(node).state().digest(), At(1).state().digest());
    }
  }
  EXPECT_GT(undone, 0u);
  EXPECT_GT(done, 0u);
  EXPECT_EQ(RestoreSnapshot(1, archive, Seconds(5)), "ok");
}

}  // namespace
}  // namespace jaco::server
