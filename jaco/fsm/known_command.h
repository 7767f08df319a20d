// What this build can know the meaning of.

#ifndef JACO_FSM_KNOWN_COMMAND_H_
#define JACO_FSM_KNOWN_COMMAND_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/command.pb.h"

namespace jaco::fsm {

// Makes `command` what the bytes are. kFailedPrecondition, and it is then
// unspecified, for bytes that are no Command, and for a Command with a payload,
// a field or a value of an enum that this build does not know.
absl::Status ReadCommand(absl::string_view bytes, Command* command);

}  // namespace jaco::fsm

#endif  // JACO_FSM_KNOWN_COMMAND_H_
