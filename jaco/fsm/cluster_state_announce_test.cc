#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/testing.h"

namespace jaco::fsm {
namespace {

class AnnounceTest : public ::testing::Test {
 protected:
  AnnounceTest() { EXPECT_EQ(Apply(Init()), "ok"); }

  // Two nodes, 1 and 2.
  static Command Init() {
    Command command;
    command.set_identity("bootstrap");
    ClusterInit& init = *command.mutable_cluster_init();
    init.set_cluster_id("c");
    init.set_token_hash(std::string(64, 'a'));
    for (uint64_t id : {1, 2}) {
      Node& node = *init.add_nodes();
      node.set_id(id);
      node.set_name(absl::StrCat("n", id));
      node.set_address(absl::StrCat("10.0.0.", id, ":7"));
      node.set_status(NODE_STATUS_READY);
    }
    return command;
  }
  static Command Announce(uint64_t id, uint32_t level) {
    Command command;
    command.set_identity("system");
    NodeAnnounce& announce = *command.mutable_node_announce();
    announce.set_id(id);
    announce.set_address(absl::StrCat("10.0.1.", id, ":7"));
    announce.set_version("1.0");
    announce.set_feature_level(level);
    announce.set_authority_fingerprint("ff");
    return command;
  }
  // The code of the refusal.
  std::string Apply(const Command& command) {
    const auto result =
        state_.Apply(state_.applied().Next(), command.SerializeAsString());
    EXPECT_TRUE(result.ok()) << result.status();
    return result->status.ok()
               ? "ok"
               : std::string(ErrorCodeName(CodeOf(result->status)));
  }

  ClusterState state_;
};

TEST_F(AnnounceTest, ANodeSaysWhatItIsLike) {
  EXPECT_EQ(Apply(Announce(1, 3)), "ok");
  const Node& node = state_.nodes().at(1);
  EXPECT_EQ(node.name(), "n1");
  EXPECT_EQ(node.status(), NODE_STATUS_READY);
  EXPECT_EQ(node.address(), "10.0.1.1:7");
  EXPECT_EQ(node.version(), "1.0");
  EXPECT_EQ(node.feature_level(), 3u);
  EXPECT_EQ(node.authority_fingerprint(), "ff");
  EXPECT_EQ(node.announce_index(), state_.applied().value());
  EXPECT_EQ(node.create_index(), 1u);
  const AuditEvent& event = state_.audit().back();
  EXPECT_EQ(event.type(), AUDIT_TYPE_NODE_ANNOUNCE);
  EXPECT_EQ(event.details(0).value(),
            "n1 @ 10.0.1.1:7, version 1.0, feature level 3");
  const size_t events = state_.audit().size();
  EXPECT_EQ(Apply(Announce(1, 3)), "ok");
  EXPECT_EQ(state_.audit().size(), events);
  EXPECT_EQ(state_.nodes().at(1).announce_index(), state_.applied().value());
}

TEST_F(AnnounceTest, WhatIsRefused) {
  EXPECT_EQ(Apply(Announce(9, 1)), "node_not_found");
  Command command = Announce(1, 1);
  command.mutable_node_announce()->set_address("a b");
  EXPECT_EQ(Apply(command), "validation_failed");
  command = Announce(1, 1);
  command.mutable_node_announce()->set_version("1 0");
  EXPECT_EQ(Apply(command), "validation_failed");
  EXPECT_EQ(state_.nodes().at(1).announce_index(), 0u);
}

TEST_F(AnnounceTest, TheLevelIsTheLeastAndNeverFalls) {
  EXPECT_EQ(state_.feature_level(), 0u);
  Apply(Announce(1, 3));
  EXPECT_EQ(state_.feature_level(), 0u);
  Apply(Announce(2, 2));
  EXPECT_EQ(state_.feature_level(), 2u);
  EXPECT_EQ(state_.audit().back().details(0).value(),
            "n2 @ 10.0.1.2:7, version 1.0, feature level 2; the cluster's is 2 "
            "now");
  // It has not been at 3: one may go back.
  EXPECT_EQ(Apply(Announce(1, 2)), "ok");
  EXPECT_EQ(Apply(Announce(1, 1)), "config_mismatch");
  EXPECT_EQ(state_.nodes().at(1).feature_level(), 2u);
  Apply(Announce(1, 5));
  Command remove;
  remove.set_identity("system");
  remove.mutable_node_remove()->set_id(2);
  EXPECT_EQ(Apply(remove), "ok");
  EXPECT_EQ(state_.feature_level(), 5u);
  // The authorities were not touched.
  EXPECT_EQ(state_.cluster()->modify_index(), 0u);
}

TEST_F(AnnounceTest, ACommandMayNeedALevel) {
  Command command = Announce(1, 2);
  command.set_needs_level(1);
  EXPECT_EQ(Apply(command), "config_mismatch");
  Apply(Announce(1, 1));
  Apply(Announce(2, 1));
  EXPECT_EQ(Apply(command), "ok");
}

TEST_F(AnnounceTest, AnAutopilotConfigurationIsAuditedOnceAllCan) {
  const Command set = testing::SetAutopilot();
  const auto audited = [&] {
    return state_.audit().back().type() == AUDIT_TYPE_AUTOPILOT_SET;
  };
  EXPECT_EQ(Apply(set), "ok");
  EXPECT_FALSE(audited());
  Apply(Announce(1, 1));
  EXPECT_EQ(Apply(set), "ok");
  EXPECT_FALSE(audited());
  Apply(Announce(2, 1));
  EXPECT_EQ(Apply(set), "ok");
  EXPECT_TRUE(audited());
}

}  // namespace
}  // namespace jaco::fsm
