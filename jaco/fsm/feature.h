// What newer builds do with the same command, or with new ones. A build may do
// it only when every server of the cluster can: else copies of the state would
// differ, or an older server would meet a command that it cannot apply.
// docs/decisions/0017-feature-levels.md.

#ifndef JACO_FSM_FEATURE_H_
#define JACO_FSM_FEATURE_H_

#include <cstdint>

namespace jaco::fsm {

// The value is the feature level from which on it is used. Numbers are never
// given twice.
enum class Feature : uint32_t {
  // A change of the autopilot configuration is in the audit log.
  kAutopilotAudit = 1,
};

}  // namespace jaco::fsm

#endif  // JACO_FSM_FEATURE_H_
