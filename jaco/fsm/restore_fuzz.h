#ifndef JACO_FSM_RESTORE_FUZZ_H_
#define JACO_FSM_RESTORE_FUZZ_H_

#include "absl/strings/string_view.h"

namespace jaco::fsm {

// Restores from `bytes` as they are, and from `bytes` in a frame with a good
// checksum; a check fails when either is taken without being what TakeSnapshot
// then gives.
void FuzzRestore(absl::string_view bytes);

}  // namespace jaco::fsm

#endif  // JACO_FSM_RESTORE_FUZZ_H_
