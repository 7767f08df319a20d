#ifndef JACO_CMD_SD_NOTIFY_H_
#define JACO_CMD_SD_NOTIFY_H_

#include "absl/strings/string_view.h"

namespace jaco::cmd {

// Tells the service manager behind `socket` (the value of $NOTIFY_SOCKET, empty
// when there is none) that `state` holds, as "READY=1". Best effort.
void SdNotify(absl::string_view socket, absl::string_view state);

}  // namespace jaco::cmd

#endif  // JACO_CMD_SD_NOTIFY_H_
