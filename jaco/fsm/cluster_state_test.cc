#include "jaco/fsm/cluster_state.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/testing.h"

namespace jaco::fsm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A machine, and the index of the next entry.
class ClusterStateTest : public ::testing::Test {
 protected:
  ApplyResult Apply(const Command& command) {
    return testing::ApplyNext(state_, command);
  }

  // What refused the command; the state must be as before.
  ErrorCode Refusal(const Command& command) {
    const Digest before = state_.digest();
    state_.TakeRowEdits();
    const raft::LogIndex applied = state_.applied();
    const ApplyResult result = Apply(command);
    EXPECT_FALSE(result.status.ok());
    EXPECT_THAT(result.reply, IsEmpty());
    EXPECT_EQ(state_.digest(), before);
    EXPECT_THAT(state_.TakeRowEdits(), IsEmpty());
    EXPECT_EQ(state_.applied(), applied.Next());
    return result.status.ok() ? ErrorCode::kInternal : CodeOf(result.status);
  }

  template <typename Entity>
  Entity Reply(const Command& command) {
    const ApplyResult result = Apply(command);
    EXPECT_TRUE(result.status.ok()) << result.status;
    Entity entity;
    EXPECT_TRUE(entity.ParseFromString(result.reply));
    return entity;
  }

  std::string LastAudit() const {
    const AuditEvent& event = state_.audit().back();
    std::string text =
        absl::StrCat(event.index(), " ", AuditType_Name(event.type()), " ",
                     event.time_unix_ms(), " ", event.identity());
    for (const AuditDetail& detail : event.details()) {
      absl::StrAppend(&text, " ", detail.key(), "=", detail.value());
    }
    return text;
  }

  ClusterState state_;
};

TEST_F(ClusterStateTest, InitMakesTheClusterItsNodesAndTheBootstrapToken) {
  const auto cluster = Reply<Cluster>(testing::Init());
  EXPECT_EQ(cluster.id(), "c-1");
  EXPECT_EQ(cluster.name(), "prod");
  EXPECT_EQ(cluster.create_index(), 1);
  EXPECT_EQ(cluster.created_at_unix_ms(), testing::kTimeUnixMs);
  EXPECT_EQ(state_.cluster()->SerializeAsString(), cluster.SerializeAsString());

  ASSERT_THAT(state_.nodes(), SizeIs(1));
  const Node& node = state_.nodes().at(1);
  EXPECT_EQ(node.name(), "node-1");
  EXPECT_EQ(node.joined_at_unix_ms(), testing::kTimeUnixMs);
  EXPECT_EQ(node.create_index(), 1);

  ASSERT_THAT(state_.tokens(), SizeIs(1));
  const Token& token = state_.tokens().at("bootstrap");
  EXPECT_EQ(token.hash(), testing::Hash(0));
  EXPECT_FALSE(token.allow_privileged());

  EXPECT_THAT(state_.audit(), SizeIs(1));
  EXPECT_EQ(LastAudit(),
            "1 AUDIT_TYPE_NODE_JOIN 1700000000000 local cluster_id=c-1");
}

TEST_F(ClusterStateTest, InitIsRefused) {
  Command command = testing::Init();
  ClusterInit& init = *command.mutable_cluster_init();
  init.set_cluster_id("");
  EXPECT_EQ(Refusal(command), ErrorCode::kValidationFailed);
  init.set_cluster_id("c-1");
  init.set_cluster_name("a b");
  EXPECT_EQ(Refusal(command), ErrorCode::kValidationFailed);
  init.set_cluster_name("");  // need not have one
  init.set_token_hash("");
  EXPECT_EQ(Refusal(command), ErrorCode::kValidationFailed);
  init.set_token_hash(testing::Hash(0));
  *init.add_nodes() = testing::NodeNamed(2, "node-1");
  EXPECT_EQ(Refusal(command), ErrorCode::kNodeAlreadyMember);
  *init.mutable_nodes(1) = testing::NodeNamed(1, "node-2");
  EXPECT_EQ(Refusal(command), ErrorCode::kNodeAlreadyMember);
  *init.mutable_nodes(1) = testing::NodeNamed(0, "node-2");
  EXPECT_EQ(Refusal(command), ErrorCode::kValidationFailed);
  *init.mutable_nodes(1) = testing::NodeNamed(2, "node-2");
  Reply<Cluster>(command);
  EXPECT_EQ(Refusal(command), ErrorCode::kClusterAlreadyInitialized);
}

TEST_F(ClusterStateTest, InitIsRefusedWhenBootstrapHasAToken) {
  Reply<Token>(testing::Issue("bootstrap", 1));
  EXPECT_EQ(Refusal(testing::Init()), ErrorCode::kTokenExists);
}

TEST_F(ClusterStateTest, IssuesAToken) {
  Command command = testing::Issue("alice@example.org", 7);
  command.mutable_token_issue()->set_allow_privileged(true);
  const auto token = Reply<Token>(command);
  EXPECT_EQ(token.identity(), "alice@example.org");
  EXPECT_TRUE(token.allow_privileged());
  EXPECT_EQ(token.issued_at_unix_ms(), testing::kTimeUnixMs);
  EXPECT_EQ(token.revoked_at_unix_ms(), 0);
  EXPECT_EQ(token.create_index(), 1);
  EXPECT_EQ(token.modify_index(), 1);
  EXPECT_EQ(state_.FindTokenByHash(testing::Hash(7)),
            &state_.tokens().at("alice@example.org"));
  EXPECT_EQ(state_.FindTokenByHash(testing::Hash(8)), nullptr);
  EXPECT_EQ(LastAudit(),
            "1 AUDIT_TYPE_TOKEN_ISSUE 1700000000000 local "
            "identity=alice@example.org");
}

TEST_F(ClusterStateTest, IssueIsRefused) {
  Reply<Token>(testing::Issue("alice", 1));
  EXPECT_EQ(Refusal(testing::Issue("alice", 2)), ErrorCode::kTokenExists);
  EXPECT_EQ(Refusal(testing::Issue("bob", 1)), ErrorCode::kValidationFailed);
  for (const std::string& identity :
       {std::string(), std::string("local"), std::string("system"),
        std::string("bootstrap_key"), std::string("anonymous"),
        std::string("user:ops"), std::string("join_token:deadbeef"),
        std::string(129, 'a'), std::string("a b"), std::string("a/b"),
        std::string("\x7f"), std::string("\xc3\xa4")}) {
    EXPECT_EQ(Refusal(testing::Issue(identity, 2)),
              ErrorCode::kValidationFailed);
  }
  Command command = testing::Issue("bob", 2);
  for (const std::string& hash :
       {std::string(), std::string(63, 'a'), std::string(65, 'a'),
        std::string(64, 'A'), std::string(64, 'g')}) {
    command.mutable_token_issue()->set_token_hash(hash);
    EXPECT_EQ(Refusal(command), ErrorCode::kValidationFailed);
  }
  Reply<Token>(testing::Issue(std::string(128, 'a'), 2));
}

TEST_F(ClusterStateTest, ARevokedIdentityKeepsItsToken) {
  Reply<Token>(testing::Issue("alice", 1));
  Reply<Token>(testing::Revoke("alice"));
  EXPECT_EQ(Refusal(testing::Issue("alice", 2)), ErrorCode::kTokenExists);
}

// The oldest revocation goes first, whatever the age of the token.
TEST_F(ClusterStateTest, RevokedTokensAreForgottenBeyondTheirNumber) {
  state_ = ClusterState({.revoked_tokens = 2});
  for (uint64_t n = 1; n <= 4; ++n) {
    Reply<Token>(testing::Issue(absl::StrCat("t", n), n));
  }
  for (const char* identity : {"t3", "t1", "t2"}) {
    Reply<Token>(testing::Revoke(identity));
  }
  EXPECT_THAT(state_.tokens(), SizeIs(3));
  EXPECT_EQ(state_.FindTokenByHash(testing::Hash(3)), nullptr);
  EXPECT_NE(state_.FindTokenByHash(testing::Hash(1)), nullptr);
  EXPECT_EQ(Refusal(testing::Revoke("t3")), ErrorCode::kTokenNotFound);
  EXPECT_EQ(Refusal(testing::Issue("t1", 9)), ErrorCode::kTokenExists);
  Reply<Token>(testing::Issue("t3", 9));
  // As after a restart: what was revoked first is still known.
  const auto snapshot = state_.TakeSnapshot()();
  state_ = ClusterState({.revoked_tokens = 2});
  ASSERT_TRUE(state_.RestoreSnapshot(snapshot).ok());
  Reply<Token>(testing::Revoke("t3"));
  EXPECT_EQ(state_.tokens().count("t1"), 0u);
  EXPECT_EQ(state_.tokens().count("t2"), 1u);
}

TEST_F(ClusterStateTest, RevokedTokensAreForgottenInTime) {
  Reply<Token>(testing::Issue("alice", 1));
  Reply<Token>(testing::Issue("bob", 2));
  Reply<Token>(testing::Revoke("alice"));
  Reply<Token>(testing::Revoke("bob"));
  Command issue = testing::Issue("alice", 3);
  const int64_t end =
      testing::kTimeUnixMs + ClusterState::kRevokedTokenMemoryMs;
  issue.set_time_unix_ms(end);
  EXPECT_EQ(Refusal(issue), ErrorCode::kTokenExists);
  issue.set_time_unix_ms(end + 1);
  const auto token = Reply<Token>(issue);
  EXPECT_EQ(token.revoked_at_unix_ms(), 0);
  EXPECT_EQ(state_.FindTokenByHash(testing::Hash(1)), nullptr);
  EXPECT_EQ(state_.tokens().count("bob"), 0u);
  EXPECT_THAT(state_.tokens(), SizeIs(1));
}

TEST_F(ClusterStateTest, RevokesAToken) {
  Reply<Token>(testing::Issue("alice", 1));
  Command command = testing::Revoke("alice");
  command.set_time_unix_ms(testing::kTimeUnixMs + 5);
  const auto token = Reply<Token>(command);
  EXPECT_EQ(token.revoked_at_unix_ms(), testing::kTimeUnixMs + 5);
  EXPECT_EQ(token.create_index(), 1);
  EXPECT_EQ(token.modify_index(), 2);
  EXPECT_EQ(state_.FindTokenByHash(testing::Hash(1))->revoked_at_unix_ms(),
            testing::kTimeUnixMs + 5);
  EXPECT_EQ(LastAudit(),
            "2 AUDIT_TYPE_TOKEN_REVOKE 1700000000005 local identity=alice");
}

TEST_F(ClusterStateTest, RevokingAgainChangesNothing) {
  Reply<Token>(testing::Issue("alice", 1));
  const auto token = Reply<Token>(testing::Revoke("alice"));
  const Digest digest = state_.digest();
  state_.TakeRowEdits();
  Command again = testing::Revoke("alice");
  again.set_time_unix_ms(testing::kTimeUnixMs + 5);
  EXPECT_EQ(Reply<Token>(again).SerializeAsString(), token.SerializeAsString());
  EXPECT_EQ(state_.digest(), digest);
  EXPECT_THAT(state_.TakeRowEdits(), IsEmpty());
}

// A proposer whose clock stands at the epoch must not leave the token active.
TEST_F(ClusterStateTest, RevokesAtTimeZero) {
  Reply<Token>(testing::Issue("alice", 1));
  Command command = testing::Revoke("alice");
  command.set_time_unix_ms(0);
  EXPECT_NE(Reply<Token>(command).revoked_at_unix_ms(), 0);
}

TEST_F(ClusterStateTest, RevokeIsRefused) {
  EXPECT_EQ(Refusal(testing::Revoke("alice")), ErrorCode::kTokenNotFound);
  EXPECT_EQ(Refusal(testing::Revoke("")), ErrorCode::kValidationFailed);
}

TEST_F(ClusterStateTest, UpsertAddsANodeAndReplacesIt) {
  EXPECT_EQ(Reply<Node>(testing::Upsert(5, "node-5")).create_index(), 1);
  EXPECT_EQ(LastAudit(),
            "1 AUDIT_TYPE_NODE_JOIN 1700000000000 local hostname=node-5");
  Command command = testing::Upsert(5, "renamed");
  command.set_time_unix_ms(testing::kTimeUnixMs + 5);
  const auto node = Reply<Node>(command);
  EXPECT_EQ(node.name(), "renamed");
  EXPECT_EQ(node.joined_at_unix_ms(), testing::kTimeUnixMs);
  EXPECT_EQ(node.create_index(), 1);
  EXPECT_EQ(node.modify_index(), 2);
  EXPECT_THAT(state_.nodes(), SizeIs(1));
  EXPECT_THAT(state_.audit(), SizeIs(1));
}

TEST_F(ClusterStateTest, UpsertIsRefused) {
  Reply<Node>(testing::Upsert(5, "node-5"));
  EXPECT_EQ(Refusal(testing::Upsert(6, "node-5")),
            ErrorCode::kNodeAlreadyMember);
  EXPECT_EQ(Refusal(testing::Upsert(0, "node-6")),
            ErrorCode::kValidationFailed);
  EXPECT_EQ(Refusal(testing::Upsert(6, "")), ErrorCode::kValidationFailed);
  Command command = testing::Upsert(6, "node-6");
  for (const std::string& address :
       {std::string(), std::string("a b"), std::string(257, 'a')}) {
    command.mutable_node_upsert()->mutable_node()->set_address(address);
    EXPECT_EQ(Refusal(command), ErrorCode::kValidationFailed);
  }
}

TEST_F(ClusterStateTest, RemovesANode) {
  const auto node = Reply<Node>(testing::Upsert(5, "node-5"));
  EXPECT_EQ(Reply<Node>(testing::Remove(5)).SerializeAsString(),
            node.SerializeAsString());
  EXPECT_THAT(state_.nodes(), IsEmpty());
  EXPECT_EQ(LastAudit(),
            "2 AUDIT_TYPE_NODE_REMOVE 1700000000000 local hostname=node-5");
  EXPECT_EQ(Refusal(testing::Remove(5)), ErrorCode::kNodeNotFound);
}

TEST_F(ClusterStateTest, SetsTheStatusOfANode) {
  Apply(testing::Upsert(5, "node-5"));
  EXPECT_EQ(Refusal(testing::SetStatus(6, NODE_STATUS_READY)),
            ErrorCode::kNodeNotFound);
  EXPECT_EQ(Refusal(testing::SetStatus(5, NODE_STATUS_UNSPECIFIED)),
            ErrorCode::kValidationFailed);
  auto node = Reply<Node>(testing::SetStatus(5, NODE_STATUS_JOINING));
  EXPECT_EQ(node.status(), NODE_STATUS_JOINING);
  EXPECT_EQ(node.create_index(), 1);
  EXPECT_EQ(node.modify_index(), 4);
  node = Reply<Node>(testing::SetStatus(5, NODE_STATUS_JOINING));
  EXPECT_EQ(node.modify_index(), 4);
}

TEST_F(ClusterStateTest, SetsTheAutopilotConfiguration) {
  EXPECT_FALSE(state_.autopilot().has_value());
  Command command = testing::SetAutopilot();
  command.mutable_autopilot_set()->mutable_config()->set_min_quorum(3);
  auto config = Reply<AutopilotConfig>(command);
  EXPECT_EQ(config.min_quorum(), 3);
  EXPECT_EQ(config.create_index(), 1);
  EXPECT_EQ(config.modify_index(), 1);
  config = Reply<AutopilotConfig>(testing::SetAutopilot());
  EXPECT_EQ(config.create_index(), 1);
  EXPECT_EQ(config.modify_index(), 2);
  EXPECT_EQ(state_.autopilot()->SerializeAsString(),
            config.SerializeAsString());

  testing::RowStore store;
  store.Take(state_);
  ClusterState loaded;
  ASSERT_TRUE(loaded.Load(store.Rows(), state_.applied()).ok());
  EXPECT_EQ(loaded.digest(), state_.digest());
  EXPECT_EQ(loaded.TakeSnapshot()(), state_.TakeSnapshot()());
}

TEST_F(ClusterStateTest, AnAutopilotConfigurationIsCheckedAndSet) {
  Command command = testing::SetAutopilot();
  AutopilotSet& set = *command.mutable_autopilot_set();
  set.set_check_index(true);
  set.set_modify_index(1);
  EXPECT_EQ(Refusal(command), ErrorCode::kConflict);
  set.set_modify_index(0);
  EXPECT_EQ(Reply<AutopilotConfig>(command).modify_index(), 2);
  EXPECT_EQ(Refusal(command), ErrorCode::kConflict);
  set.set_modify_index(2);
  EXPECT_EQ(Reply<AutopilotConfig>(command).modify_index(), 4);
}

TEST_F(ClusterStateTest, AnAutopilotConfigurationMakesSense) {
  using Change = void (*)(AutopilotConfig&);
  for (const Change change : std::initializer_list<Change>{
           [](AutopilotConfig& c) { c.set_last_contact_threshold_ns(0); },
           [](AutopilotConfig& c) { c.set_last_contact_threshold_ns(-1); },
           [](AutopilotConfig& c) { c.set_server_stabilization_time_ns(-1); },
           [](AutopilotConfig& c) {
             c.set_server_stabilization_time_ns(int64_t{1} << 60);
           },
           [](AutopilotConfig& c) { c.set_min_quorum(8); }}) {
    Command command = testing::SetAutopilot();
    change(*command.mutable_autopilot_set()->mutable_config());
    EXPECT_EQ(Refusal(command), ErrorCode::kValidationFailed);
  }
}

TEST_F(ClusterStateTest, ACallerWithoutANameIsRefused) {
  Command command = testing::Issue("alice", 1);
  command.set_identity("");
  EXPECT_EQ(Refusal(command), ErrorCode::kValidationFailed);
}

TEST_F(ClusterStateTest, CommandsOfANewerBuildStopTheMachine) {
  Command no_payload;
  no_payload.set_identity("local");
  Command status = testing::Upsert(5, "node-5");
  status.mutable_node_upsert()->mutable_node()->set_status(
      static_cast<NodeStatus>(99));
  const std::string known = testing::Issue("alice", 1).SerializeAsString();
  // Field 99 of the Command; field 9 inside the payload (field 12, revoke).
  const std::string field_of_command = known + "\x98\x06\x01";
  const std::string field_of_payload = "\x12\x01x\x62\x05\x0a\x01y\x48\x01";
  for (const std::string& command :
       {std::string(), std::string("\xff"), no_payload.SerializeAsString(),
        status.SerializeAsString(), field_of_command, field_of_payload}) {
    const auto result = state_.Apply(raft::LogIndex(1), command);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(result.status().message(), HasSubstr("unknown command"));
    // No leader lets it into a log.
    EXPECT_EQ(CodeOf(state_.Prepare(command, 1).status()),
              ErrorCode::kConfigMismatch);
  }
  EXPECT_EQ(state_.applied(), raft::LogIndex(0));
  EXPECT_EQ(state_.digest(), Digest());
}

TEST_F(ClusterStateTest, TheLeaderSaysWhenItIs) {
  Command command = testing::Issue("alice", 1);
  const auto prepared = state_.Prepare(command.SerializeAsString(), 17);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  command.set_time_unix_ms(17);
  EXPECT_EQ(*prepared, command.SerializeAsString());
}

TEST_F(ClusterStateTest, AdvanceToPassesOtherEntries) {
  state_.AdvanceTo(raft::LogIndex(8));
  EXPECT_EQ(Reply<Token>(testing::Issue("alice", 1)).create_index(), 9);
}

TEST_F(ClusterStateTest, RowEditsNameTheRows) {
  Apply(testing::Init());
  Apply(testing::Remove(1));
  std::vector<std::string> edits;
  for (const auto& [key, value] : state_.TakeRowEdits()) {
    edits.push_back(absl::StrCat(value.has_value() ? "+" : "-", key));
  }
  EXPECT_THAT(edits, ElementsAre("+n/0000000000000001", "+t/bootstrap", "+c",
                                 "+a/0000000000000001", "-n/0000000000000001",
                                 "+r/0000000000000001", "+a/0000000000000002"));
  EXPECT_THAT(state_.TakeRowEdits(), IsEmpty());
}

TEST_F(ClusterStateTest, TheAuditLogKeepsTheNewest) {
  testing::RowStore store;
  constexpr uint64_t kExtra = 3;
  for (uint64_t i = 0; i < ClusterState::kAuditEventsMax + kExtra; ++i) {
    Reply<Token>(testing::Issue(absl::StrCat("t", i), i));
  }
  store.Take(state_);
  EXPECT_THAT(state_.audit(), SizeIs(ClusterState::kAuditEventsMax));
  EXPECT_EQ(state_.audit().front().index(), kExtra + 1);

  ClusterState loaded;
  ASSERT_TRUE(loaded.Load(store.Rows(), state_.applied()).ok());
  EXPECT_EQ(loaded.digest(), state_.digest());
  EXPECT_THAT(loaded.audit(), SizeIs(ClusterState::kAuditEventsMax));
}

// These values are on disks and in the checks of clusters of mixed versions.
// When this fails the change is not compatible.
TEST_F(ClusterStateTest, TheDigestOfKnownCommandsStays) {
  for (const Command& command :
       {testing::Init(), testing::Issue("alice", 1), testing::Issue("bob", 2),
        testing::Upsert(2, "node-2"), testing::Revoke("alice"),
        testing::Remove(1)}) {
    Apply(command);
  }
  EXPECT_EQ(
      absl::StrFormat("%016x%016x", state_.digest().high, state_.digest().low),
      "d02b4a41670d9fb24ae2b3c460617d86");
}

Authority AuthorityOf(const std::string& certificate) {
  Authority authority;
  authority.set_certificate(certificate);
  authority.set_sealed_key("sealed");
  return authority;
}

Command Replace(const std::vector<std::string>& certificates,
                uint64_t expected) {
  Command command = testing::FromLocal();
  AuthoritiesReplace& replace = *command.mutable_authorities_replace();
  for (const std::string& certificate : certificates) {
    *replace.add_authorities() = AuthorityOf(certificate);
  }
  replace.set_expected_modify_index(expected);
  return command;
}

TEST_F(ClusterStateTest, AnAuthorityIsDatedByTheTimeOfTheLeader) {
  constexpr int64_t kNow = 1'700'000'000'000;
  constexpr auto kMost =
      static_cast<int64_t>(ClusterState::kAuthorityClockErrorMaxMs);
  constexpr int64_t kEver = std::numeric_limits<int64_t>::max();
  Command command = Replace({"a", "b"}, 1);
  const auto prepare = [&](int64_t made) {
    command.set_time_unix_ms(made);
    return state_.Prepare(command.SerializeAsString(), kNow);
  };
  for (const int64_t made : {int64_t{0}, kNow - kMost, kNow, kNow + kMost}) {
    const auto prepared = prepare(made);
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    command.set_time_unix_ms(kNow);
    EXPECT_EQ(*prepared, command.SerializeAsString());
  }
  for (const int64_t made :
       {kNow - kMost - 1, kNow + kMost + 1, int64_t{1}, kEver, -kEver - 1}) {
    EXPECT_EQ(CodeOf(prepare(made).status()), ErrorCode::kConflict);
  }
  EXPECT_THAT(prepare(kNow + 600'000).status().message(),
              HasSubstr("is 600 s ahead of the leader's"));
  EXPECT_THAT(prepare(kNow - 600'500).status().message(),
              HasSubstr("is 600 s behind the leader's"));
}

TEST_F(ClusterStateTest, AuthoritiesComeWithTheClusterAndAreReplaced) {
  EXPECT_EQ(Refusal(Replace({"a"}, 0)), ErrorCode::kClusterUninitialized);
  Command init = testing::Init();
  *init.mutable_cluster_init()->add_authorities() = AuthorityOf("a");
  const auto founded = Reply<Cluster>(init);
  ASSERT_EQ(founded.authorities_size(), 1);
  EXPECT_EQ(founded.authorities(0).certificate(), "a");
  EXPECT_EQ(founded.modify_index(), 0u);

  EXPECT_EQ(Refusal(Replace({}, 0)), ErrorCode::kValidationFailed);
  EXPECT_EQ(Refusal(Replace({""}, 0)), ErrorCode::kValidationFailed);
  EXPECT_EQ(Refusal(Replace({std::string(17'000, 'a')}, 0)),
            ErrorCode::kValidationFailed);
  EXPECT_EQ(Refusal(Replace(std::vector<std::string>(9, "a"), 0)),
            ErrorCode::kValidationFailed);
  const auto changed = Reply<Cluster>(Replace({"a", "b"}, 0));
  EXPECT_EQ(changed.authorities_size(), 2);
  EXPECT_EQ(changed.modify_index(), state_.applied().value());
  EXPECT_EQ(changed.id(), founded.id());
  EXPECT_EQ(Refusal(Replace({"b"}, 0)), ErrorCode::kConflict);
  EXPECT_EQ(
      Reply<Cluster>(Replace({"b"}, changed.modify_index())).authorities_size(),
      1);
}

}  // namespace
}  // namespace jaco::fsm
