#ifndef JACO_SIM_CHECKERS_STATE_LIMITS_H_
#define JACO_SIM_CHECKERS_STATE_LIMITS_H_

#include "jaco/fsm/cluster_state.h"

namespace jaco::sim {

// Of every server in the simulated world: small, so that runs get there.
inline constexpr fsm::ClusterState::Limits kStateLimits{.revoked_tokens = 16};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_STATE_LIMITS_H_
