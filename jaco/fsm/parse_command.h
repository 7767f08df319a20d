#ifndef JACO_FSM_PARSE_COMMAND_H_
#define JACO_FSM_PARSE_COMMAND_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/command.pb.h"

namespace jaco::fsm {

// validation_failed unless this build can know what the command means: then it
// is in `command`.
absl::Status ParseCommand(absl::string_view bytes, Command* command);

}  // namespace jaco::fsm

#endif  // JACO_FSM_PARSE_COMMAND_H_
