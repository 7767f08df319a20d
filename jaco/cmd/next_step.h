#ifndef JACO_CMD_NEXT_STEP_H_
#define JACO_CMD_NEXT_STEP_H_

#include "absl/strings/string_view.h"

namespace jaco::cmd {

// What an operator does about an error of `jaco` or jacod, in a few words;
// empty where that depends, or where `message` says it: with a command in
// backquotes. docs/operations.md says more.
absl::string_view NextStep(absl::string_view code, absl::string_view message);

}  // namespace jaco::cmd

#endif  // JACO_CMD_NEXT_STEP_H_
