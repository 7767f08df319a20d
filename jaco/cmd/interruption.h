// The end of commands that go on until somebody ends them.

#ifndef JACO_CMD_INTERRUPTION_H_
#define JACO_CMD_INTERRUPTION_H_

#include <ostream>

#include "absl/strings/string_view.h"

namespace jaco::cmd {

// From now on SIGINT, unless it is ignored, ends this process at once with exit
// code 0.
void EndWellWhenInterrupted();

// Writes `text` and flushes; an interruption waits until that is done. False:
// nobody reads any more.
bool WriteWhole(std::ostream& out, absl::string_view text);

}  // namespace jaco::cmd

#endif  // JACO_CMD_INTERRUPTION_H_
