// For tests: whether the specification allows what a server did.

#ifndef JACO_RAFT_SPEC_SEARCH_H_
#define JACO_RAFT_SPEC_SEARCH_H_

#include <optional>
#include <string>
#include <vector>

#include "jaco/raft/spec.h"

namespace jaco::raft::spec {

// What a server did at once.
struct Step {
  Server before;
  Server after;
  std::optional<Message> received;  // at its beginning
  std::vector<Message> sent;
  bool restarted = false;
};

// Looks for a way of at most kActionsMax actions (none at all is one, too) from
// `before` to `after`, on which every message that was sent could be sent at
// some point. Empty when there is one; else what is wrong.
inline constexpr int kActionsMax = 9;
std::string WhyNotAllowed(const Step& step);

}  // namespace jaco::raft::spec

#endif  // JACO_RAFT_SPEC_SEARCH_H_
