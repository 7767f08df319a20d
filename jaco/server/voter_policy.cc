#include "jaco/server/voter_policy.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace jaco::server {
namespace {

using Health = PolicyMember::Health;
using Members = std::vector<PolicyMember>;

bool Before(const PolicyMember& a, const PolicyMember& b) {
  return std::tie(a.name, a.id) < std::tie(b.name, b.id);
}

bool IsLive(const PolicyMember& member) {
  return member.health <= Health::kLagging;
}

// One choice: `voters_` and `candidates_` are by name.
class Choice {
 public:
  Choice(Members members, raft::NodeId leader) : leader_(leader) {
    std::sort(members.begin(), members.end(), Before);
    for (PolicyMember& member : members) {
      if (member.leaving && member.id != leader_) continue;
      ++members_;
      if (member.voter) {
        voters_.push_back(std::move(member));
      } else if (member.health == Health::kEligible) {
        candidates_.push_back(std::move(member));
      }
    }
  }

  void Make() {
    const size_t most = VotersFor(members_);
    while (voters_.size() > most) Demote();
    while (!candidates_.empty() && ReplaceOneDead()) {
    }
    size_t promoted = std::min(most - voters_.size(), candidates_.size());
    if ((voters_.size() + promoted) % 2 == 0) {
      if (promoted > 0) {
        --promoted;
      } else {
        Demote();
      }
    }
    while (promoted-- > 0) PromoteFirst();
  }

  bool HasLiveQuorum() const {
    const auto live = std::count_if(voters_.begin(), voters_.end(), IsLive);
    return static_cast<size_t>(live) * 2 > voters_.size();
  }

  std::vector<raft::NodeId> Ids() const {
    std::vector<raft::NodeId> ids;
    for (const PolicyMember& voter : voters_) ids.push_back(voter.id);
    std::sort(ids.begin(), ids.end());
    return ids;
  }

 private:
  // 0 goes last.
  static int DemotionRank(const PolicyMember& voter) {
    if (voter.health <= Health::kLive) return 0;
    return static_cast<int>(voter.health);
  }

  // There are two voters or more, so one of them is not the leader.
  void Demote() {
    auto worst = voters_.end();
    for (auto it = voters_.begin(); it != voters_.end(); ++it) {
      if (it->id == leader_) continue;
      if (worst == voters_.end() || DemotionRank(*it) >= DemotionRank(*worst)) {
        worst = it;
      }
    }
    voters_.erase(worst);
  }

  void PromoteFirst() {
    PolicyMember& first = candidates_.front();
    voters_.insert(
        std::upper_bound(voters_.begin(), voters_.end(), first, Before),
        std::move(first));
    candidates_.erase(candidates_.begin());
  }

  bool ReplaceOneDead() {
    const auto dead =
        std::find_if(voters_.begin(), voters_.end(), [this](const auto& voter) {
          return voter.health == Health::kDead && voter.id != leader_;
        });
    if (dead == voters_.end()) return false;
    voters_.erase(dead);
    PromoteFirst();
    return true;
  }

  const raft::NodeId leader_;
  size_t members_ = 0;
  Members voters_;
  Members candidates_;
};

std::vector<raft::NodeId> PresentVoters(const Members& members) {
  std::vector<raft::NodeId> ids;
  for (const PolicyMember& member : members) {
    if (member.voter) ids.push_back(member.id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

size_t VotersFor(size_t members) {
  if (members == 0) return 0;
  return std::min(members - (members + 1) % 2, kVotersMax);
}

std::vector<raft::NodeId> ChooseVoters(Members members, raft::NodeId leader) {
  std::vector<raft::NodeId> present = PresentVoters(members);
  if (!std::binary_search(present.begin(), present.end(), leader)) {
    return present;
  }
  Choice choice(std::move(members), leader);
  choice.Make();
  return choice.HasLiveQuorum() ? choice.Ids() : present;
}

}  // namespace jaco::server
