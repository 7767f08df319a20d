// Operators with passwords. What checks a password comes with the command:
// nothing slow happens here.

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/validate.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {

absl::StatusOr<std::string> ClusterState::SetUser(raft::LogIndex index) {
  const User& user = command_.user_set().user();
  if (!tables_.cluster().has_value()) {
    return MakeError(ErrorCode::kClusterUninitialized,
                     "there is no cluster whose user to set");
  }
  if (absl::Status status = ValidateUser(user); !status.ok()) return status;
  if (tables_.FindUser(user.name()) == nullptr &&
      tables_.users().size() >= kUsersMax) {
    return MakeError(ErrorCode::kConflict,
                     absl::StrCat("there are ", kUsersMax, " users already"));
  }
  std::string reply = PutUser(index, user);
  Audit(index, AUDIT_TYPE_USER_SET, "identity", UserIdentity(user.name()));
  return reply;
}

absl::StatusOr<std::string> ClusterState::RemoveUser(raft::LogIndex index) {
  const std::string& name = command_.user_remove().name();
  if (absl::Status status = ValidateUserName(name); !status.ok()) return status;
  if (tables_.FindUser(name) == nullptr) {
    return MakeError(ErrorCode::kNotFound,
                     absl::StrCat("no user \"", name, "\""));
  }
  tables_.RemoveUser(name);
  Audit(index, AUDIT_TYPE_USER_REMOVE, "identity", UserIdentity(name));
  return std::string();
}

std::string ClusterState::PutUser(raft::LogIndex index, User user) {
  const User* known = tables_.FindUser(user.name());
  user.set_create_index(known != nullptr ? known->create_index()
                                         : index.value());
  user.set_modify_index(index.value());
  return tables_.PutUser(std::move(user));
}

}  // namespace jaco::fsm
