#include "jaco/fsm/known_command.h"

#include <algorithm>
#include <limits>

namespace jaco::fsm {
namespace {

bool Parse(absl::string_view bytes, Command* command) {
  return bytes.size() <= std::numeric_limits<int>::max() &&
         command->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

template <typename Message>
bool HasOnlyKnownFields(const Message& message) {
  return message.GetReflection()->GetUnknownFields(message).empty();
}

bool IsKnown(const Node& node) {
  return HasOnlyKnownFields(node) && NodeStatus_IsValid(node.status()) &&
         NodeLeaving_IsValid(node.leaving());
}

bool AreKnown(const google::protobuf::RepeatedPtrField<Authority>& all) {
  return std::all_of(all.begin(), all.end(), HasOnlyKnownFields<Authority>);
}

// Whether this build can know what the command means.
bool IsKnown(const Command& command) {
  if (!HasOnlyKnownFields(command)) return false;
  switch (command.payload_case()) {
    case Command::kClusterInit: {
      const auto& nodes = command.cluster_init().nodes();
      return HasOnlyKnownFields(command.cluster_init()) &&
             HasOnlyKnownFields(command.cluster_init().user()) &&
             AreKnown(command.cluster_init().authorities()) &&
             std::all_of(nodes.begin(), nodes.end(),
                         [](const Node& node) { return IsKnown(node); });
    }
    case Command::kTokenIssue:
      return HasOnlyKnownFields(command.token_issue());
    case Command::kTokenRevoke:
      return HasOnlyKnownFields(command.token_revoke());
    case Command::kNodeUpsert:
      return HasOnlyKnownFields(command.node_upsert()) &&
             IsKnown(command.node_upsert().node());
    case Command::kNodeRemove:
      return HasOnlyKnownFields(command.node_remove());
    case Command::kNodeLeave:
      return HasOnlyKnownFields(command.node_leave()) &&
             NodeLeaving_IsValid(command.node_leave().leaving());
    case Command::kAuthoritiesReplace:
      return HasOnlyKnownFields(command.authorities_replace()) &&
             AreKnown(command.authorities_replace().authorities());
    case Command::kJoinTokenIssue:
      return HasOnlyKnownFields(command.join_token_issue());
    case Command::kNodeJoin:
      return HasOnlyKnownFields(command.node_join()) &&
             IsKnown(command.node_join().node());
    case Command::kNodeStatusSet:
      return HasOnlyKnownFields(command.node_status_set()) &&
             NodeStatus_IsValid(command.node_status_set().status());
    case Command::kAutopilotSet:
      return HasOnlyKnownFields(command.autopilot_set()) &&
             HasOnlyKnownFields(command.autopilot_set().config());
    case Command::kStateRestore:
      return HasOnlyKnownFields(command.state_restore()) &&
             HasOnlyKnownFields(command.state_restore().piece());
    case Command::kArchiveTake:
      return HasOnlyKnownFields(command.archive_take()) &&
             ArchiveKind_IsValid(command.archive_take().kind());
    case Command::kNodeAnnounce:
      return HasOnlyKnownFields(command.node_announce());
    case Command::kUserSet:
      return HasOnlyKnownFields(command.user_set()) &&
             HasOnlyKnownFields(command.user_set().user());
    case Command::kUserRemove:
      return HasOnlyKnownFields(command.user_remove());
    case Command::kLeadershipTransfer:
      return HasOnlyKnownFields(command.leadership_transfer());
    case Command::PAYLOAD_NOT_SET:
      return false;
  }
  return false;
}

}  // namespace

absl::Status ReadCommand(absl::string_view bytes, Command* command) {
  if (!Parse(bytes, command)) {
    return absl::FailedPreconditionError("does not parse");
  }
  if (!IsKnown(*command)) {
    return absl::FailedPreconditionError(
        "a payload, field or value of a newer version");
  }
  return absl::OkStatus();
}

}  // namespace jaco::fsm
