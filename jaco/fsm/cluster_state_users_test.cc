#include <string>

#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/testing.h"
#include "jaco/fsm/validate.h"

namespace jaco::fsm {
namespace {

User UserNamed(const std::string& name) {
  User user;
  user.set_name(name);
  user.set_salt(std::string(kPasswordSaltBytes, 's'));
  user.set_passes(2);
  user.set_memory_kib(65536);
  user.set_stored_key(std::string(kPasswordKeyBytes, 'k'));
  user.set_server_key(std::string(kPasswordKeyBytes, 'v'));
  return user;
}

class ClusterStateUsersTest : public ::testing::Test {
 protected:
  // "ok", or the code of what refused it.
  std::string Do(const Command& command) {
    const Digest before = state_.digest();
    const ApplyResult result = testing::ApplyNext(state_, command);
    if (result.status.ok()) return "ok";
    EXPECT_EQ(state_.digest(), before) << "refused, and changed something";
    return std::string(ErrorCodeName(CodeOf(result.status)));
  }
  std::string Set(const User& user) {
    Command command = testing::FromLocal();
    *command.mutable_user_set()->mutable_user() = user;
    return Do(command);
  }
  std::string Remove(const std::string& name) {
    Command command = testing::FromLocal();
    command.mutable_user_remove()->set_name(name);
    return Do(command);
  }

  ClusterState state_;
};

TEST_F(ClusterStateUsersTest, ComeChangeAndGo) {
  EXPECT_EQ(Set(UserNamed("ops")), "cluster_uninitialized");
  EXPECT_EQ(Do(testing::Init()), "ok");
  EXPECT_EQ(Set(UserNamed("o+ps")), "ok");
  EXPECT_EQ(state_.audit().back().type(), AUDIT_TYPE_USER_SET);
  EXPECT_EQ(state_.audit().back().details(0).value(), "user:o:2bps");
  const User first = state_.users().at("o+ps");
  User changed = UserNamed("o+ps");
  changed.set_salt(std::string(kPasswordSaltBytes, 't'));
  EXPECT_EQ(Set(changed), "ok");
  const User& second = state_.users().at("o+ps");
  EXPECT_EQ(second.create_index(), first.create_index());
  EXPECT_GT(second.modify_index(), first.modify_index());

  ClusterState copy;
  ASSERT_TRUE(copy.RestoreSnapshot(state_.TakeSnapshot()()).ok());
  EXPECT_EQ(copy.digest(), state_.digest());
  EXPECT_EQ(copy.users().size(), 1u);

  EXPECT_EQ(Remove("o+ps"), "ok");
  EXPECT_EQ(state_.audit().back().type(), AUDIT_TYPE_USER_REMOVE);
  EXPECT_EQ(Remove("o+ps"), "not_found");
  EXPECT_TRUE(state_.users().empty());
}

TEST_F(ClusterStateUsersTest, TheFirstComesWithTheCluster) {
  Command init = testing::Init();
  *init.mutable_cluster_init()->mutable_user() = UserNamed("a:b");
  EXPECT_EQ(Do(init), "validation_failed");
  *init.mutable_cluster_init()->mutable_user() = UserNamed("ops");
  EXPECT_EQ(Do(init), "ok");
  EXPECT_TRUE(state_.users().contains("ops"));
}

TEST_F(ClusterStateUsersTest, WhatCannotBe) {
  EXPECT_EQ(Do(testing::Init()), "ok");
  for (const std::string name :
       {"", "a:b", "a<b", "a\"b", "a&b", "a\nb", "a\xff"}) {
    EXPECT_EQ(Set(UserNamed(name)), "validation_failed") << name;
  }
  EXPECT_EQ(Set(UserNamed(std::string(65, 'x'))), "validation_failed");
  // Its identity would be too long.
  EXPECT_EQ(Set(UserNamed(std::string(60, '+'))), "validation_failed");
  User user = UserNamed("ops");
  user.set_salt("short");
  EXPECT_EQ(Set(user), "validation_failed");
  user = UserNamed("ops");
  user.set_passes(kPasswordPassesMax + 1);
  EXPECT_EQ(Set(user), "validation_failed");
  user = UserNamed("ops");
  user.clear_server_key();
  EXPECT_EQ(Set(user), "validation_failed");
}

TEST_F(ClusterStateUsersTest, NoTwoNamesAreOneIdentity) {
  EXPECT_EQ(UserIdentity("local"), "user:local");
  EXPECT_NE(UserIdentity("a+"), UserIdentity("a2b"));
  EXPECT_TRUE(ValidateName("identity", UserIdentity("a b+c@d")).ok());
}

}  // namespace
}  // namespace jaco::fsm
