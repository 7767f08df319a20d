#include "jaco/raft/types.h"

#include <algorithm>

namespace jaco::raft {
namespace {

bool Has(const std::vector<NodeId>& sorted, NodeId node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}

}  // namespace

bool Configuration::IsVoter(NodeId node) const {
  return Has(voters, node) || Has(outgoing, node);
}

bool Configuration::Contains(NodeId node) const {
  return IsVoter(node) || Has(learners, node);
}

std::vector<NodeId> Configuration::Members() const {
  std::vector<NodeId> members;
  members.reserve(voters.size() + outgoing.size() + learners.size());
  for (const auto* list : {&voters, &outgoing, &learners}) {
    members.insert(members.end(), list->begin(), list->end());
  }
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  return members;
}

}  // namespace jaco::raft
