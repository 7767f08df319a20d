#include "jaco/server/voter_policy.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/prng.h"

namespace jaco::server {
namespace {

using ::testing::TestWithParam;
using Health = PolicyMember::Health;
using Ids = std::vector<raft::NodeId>;
using Members = std::vector<PolicyMember>;

// A letter a member, in the order of names: V voter, N nonvoter, small when it
// does not answer (n: or is not settled yet); L voter that lags; D voter and d
// nonvoter that are dead. A ! behind it: it is leaving.
Members Parse(absl::string_view text) {
  Members members;
  for (const char c : text) {
    if (c == '!') {
      members.back().leaving = true;
      continue;
    }
    const uint64_t number = members.size();
    PolicyMember member;
    // The order of ids is not that of names.
    member.id = raft::NodeId(100 - number);
    member.name = absl::StrCat("node-", number);
    member.voter = c == 'V' || c == 'v' || c == 'D' || c == 'L';
    member.health = c == 'V'               ? Health::kLive
                    : c == 'L'             ? Health::kLagging
                    : c == 'N'             ? Health::kEligible
                    : c == 'D' || c == 'd' ? Health::kDead
                                           : Health::kSilent;
    members.push_back(std::move(member));
  }
  return members;
}

// Who votes, as "VN": by name.
std::string Show(const Members& members, const Ids& voters) {
  std::string text;
  for (const PolicyMember& member : members) {
    text.push_back(std::binary_search(voters.begin(), voters.end(), member.id)
                       ? 'V'
                       : '.');
  }
  return text;
}

std::string Choose(absl::string_view text, size_t leader = 0) {
  const Members members = Parse(text);
  return Show(members, ChooseVoters(members, members[leader].id));
}

TEST(VoterPolicyTest, TheTable) {
  const std::vector<size_t> voters = {0, 1, 1, 3, 3, 5, 5, 7, 7, 7, 7};
  for (size_t members = 0; members < voters.size(); ++members) {
    EXPECT_EQ(VotersFor(members), voters[members]);
  }
}

TEST(VoterPolicyTest, GrowsTwoAtATimeAndInOrder) {
  EXPECT_EQ(Choose("V"), "V");
  EXPECT_EQ(Choose("VN"), "V.");
  EXPECT_EQ(Choose("VNN"), "VVV");
  EXPECT_EQ(Choose("VnN"), "V..");
  EXPECT_EQ(Choose("VnNN"), "V.VV");
  EXPECT_EQ(Choose("VVVNnn"), "VVV...");
  EXPECT_EQ(Choose("VVVNnNN"), "VVVV.V.");
  EXPECT_EQ(Choose("NNNNNNNNV", 8), "VVVVVV..V");
}

TEST(VoterPolicyTest, ShrinksFromTheEndButNeverTheLeader) {
  EXPECT_EQ(Choose("VVVV"), "VVV.");
  EXPECT_EQ(Choose("VVVV", 3), "VV.V");
  EXPECT_EQ(Choose("VV"), "V.");
  EXPECT_EQ(Choose("VV", 1), ".V");
  EXPECT_EQ(Choose("VDVV"), "V.VV");
  EXPECT_EQ(Choose("VvVD"), "VVV.");
  EXPECT_EQ(Choose("VvVV"), "V.VV");
  EXPECT_EQ(Choose("VVVVVVVVV", 8), "VVVVVV..V");
}

TEST(VoterPolicyTest, OneThatLagsGoesBeforeOneThatDoesNot) {
  EXPECT_EQ(Choose("VLVV"), "V.VV");
  EXPECT_EQ(Choose("VLVv"), "VVV.");
  EXPECT_EQ(Choose("LVVV"), "VVV.");  // it leads
  EXPECT_EQ(Choose("VLVVV!"), "V.VV.");
  EXPECT_EQ(Choose("VLL"), "VVV");  // nothing else moves
}

TEST(VoterPolicyTest, ADeadVoterMakesWayForAHealthyNonvoter) {
  EXPECT_EQ(Choose("VVDN"), "VV.V");
  EXPECT_EQ(Choose("VVDn"), "VVV.");
  EXPECT_EQ(Choose("VVvN"), "VVV.");  // not for long enough
  EXPECT_EQ(Choose("VVVDDNn"), "VVV.VV.");
  EXPECT_EQ(Choose("VVd"), "V..");
  EXPECT_EQ(Choose("VVD"), "VVV");  // nobody is there
}

TEST(VoterPolicyTest, LeavingMembersDoNotVote) {
  EXPECT_EQ(Choose("VVV!"), "V..");
  EXPECT_EQ(Choose("VVV!N"), "VV.V");
  EXPECT_EQ(Choose("VVVVV!"), "VVV..");
  EXPECT_EQ(Choose("V!VV"), "VVV");       // the leader hands over first
  EXPECT_EQ(Choose("VV!V!DD"), "VVVVV");  // no quorum of those that are left
}

TEST(VoterPolicyTest, WithoutTheLeaderNothingChanges) {
  const Members members = Parse("VVVV");
  EXPECT_EQ(Show(members, ChooseVoters(members, raft::NodeId(7))), "VVVV");
  EXPECT_TRUE(ChooseVoters({}, raft::NodeId(7)).empty());
}

size_t LiveAmong(const Members& members, const Ids& voters) {
  return static_cast<size_t>(std::count_if(
      members.begin(), members.end(), [&](const PolicyMember& member) {
        return member.health <= Health::kLagging &&
               std::binary_search(voters.begin(), voters.end(), member.id);
      }));
}

// What must be so whatever the input; empty, or what is not. The present voters
// have a live quorum.
std::string BreachOf(const Members& members, raft::NodeId leader) {
  const Ids chosen = ChooseVoters(members, leader);
  Ids present;
  bool leaving = false;
  size_t counted = 0;
  for (const PolicyMember& member : members) {
    if (member.voter) present.push_back(member.id);
    leaving |= member.leaving;
    if (!member.leaving || member.id == leader) ++counted;
  }
  std::sort(present.begin(), present.end());
  if (!std::binary_search(chosen.begin(), chosen.end(), leader)) {
    return "the leader is demoted";
  }
  const bool same = chosen == present;
  if (!same || !leaving) {
    if (chosen.size() % 2 == 0) return "an even number";
    if (chosen.size() > VotersFor(counted)) return "too many";
  }
  if (LiveAmong(members, chosen) * 2 <= chosen.size()) return "no live quorum";
  for (const PolicyMember& member : members) {
    const bool votes =
        std::binary_search(chosen.begin(), chosen.end(), member.id);
    if (votes && !member.voter && member.health != Health::kEligible) {
      return "promotes one that is not eligible";
    }
    if (votes && member.leaving && member.id != leader && !same) {
      return "keeps one that is leaving";
    }
  }
  Members after = members;
  for (PolicyMember& member : after) {
    member.voter = std::binary_search(chosen.begin(), chosen.end(), member.id);
  }
  if (ChooseVoters(after, leader) != chosen) return "is not idempotent";
  for (const PolicyMember& member : after) {
    const bool live = member.health <= Health::kLagging;
    if (leaving || !member.voter || !live) continue;
    if (ChooseVoters(after, member.id) != chosen) return "a failover shuffles";
  }
  std::reverse(after.begin(), after.end());
  if (ChooseVoters(after, leader) != chosen) return "depends on the order";
  return "";
}

// Every member in every way, every live voter as the leader.
void CheckAll(size_t members, absl::string_view kinds, bool with_leaving) {
  const size_t base = kinds.size() * (with_leaving ? 2 : 1);
  std::vector<size_t> digits(members, 0);
  while (true) {
    std::string text;
    for (const size_t digit : digits) {
      text.push_back(kinds[digit % kinds.size()]);
      if (digit >= kinds.size()) text.push_back('!');
    }
    const Members input = Parse(text);
    const auto voters =
        std::count_if(input.begin(), input.end(),
                      [](const PolicyMember& member) { return member.voter; });
    const auto live =
        std::count_if(input.begin(), input.end(), [](const auto& member) {
          return member.voter && member.health <= Health::kLagging;
        });
    for (const PolicyMember& leader : input) {
      if (live * 2 <= voters) break;
      if (!leader.voter || leader.health > Health::kLagging) continue;
      const std::string breach = BreachOf(input, leader.id);
      ASSERT_EQ(breach, "") << text << " led by " << leader.name;
    }
    size_t at = 0;
    while (at < members && ++digits[at] == base) digits[at++] = 0;
    if (at == members) return;
  }
}

class AllMembersTest : public TestWithParam<size_t> {};

TEST_P(AllMembersTest, EveryHealthPattern) {
  CheckAll(GetParam(), "VvDNn", /*with_leaving=*/false);
}
INSTANTIATE_TEST_SUITE_P(UpToNine, AllMembersTest,
                         ::testing::Range<size_t>(1, 10));

class LaggingTest : public TestWithParam<size_t> {};

TEST_P(LaggingTest, EveryHealthPattern) {
  CheckAll(GetParam(), "VLvDNn", /*with_leaving=*/false);
}
INSTANTIATE_TEST_SUITE_P(UpToSeven, LaggingTest,
                         ::testing::Range<size_t>(1, 8));

class LeavingTest : public TestWithParam<size_t> {};

TEST_P(LeavingTest, EveryHealthPattern) {
  CheckAll(GetParam(), "VvDNn", /*with_leaving=*/true);
}
INSTANTIATE_TEST_SUITE_P(UpToFive, LeavingTest, ::testing::Range<size_t>(1, 6));

// A cluster that grows, shrinks, falls ill and recovers: step by step there is
// an odd number of voters, and when all is well the number of the table.
TEST(VoterPolicyTest, RandomLivesOfAClusterConverge) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Prng prng(seed);
    Members members = Parse("V");
    uint64_t next_id = 1000;
    for (int step = 0; step < 60; ++step) {
      if (members.size() < 12 && prng.Chance(1, 3)) {
        const raft::NodeId id(next_id++);
        members.push_back({.id = id,
                           .name = absl::StrCat("n", prng.Below(1000)),
                           .health = Health::kLive});
      } else if (members.size() > 1 && prng.Chance(1, 4)) {
        // A nonvoter, as a removal demotes first.
        const size_t at = prng.Below(members.size());
        if (!members[at].voter) {
          members.erase(members.begin() + static_cast<ptrdiff_t>(at));
        }
      }
      PolicyMember& one = members[prng.Below(members.size())];
      one.health = static_cast<Health>(prng.Below(5));
      Ids voters;
      for (const auto& member : members) {
        if (member.voter) voters.push_back(member.id);
      }
      std::sort(voters.begin(), voters.end());
      if (LiveAmong(members, voters) * 2 <= voters.size()) {
        one.health = Health::kLive;
      }
      const auto leader =
          std::find_if(members.begin(), members.end(), [](const auto& member) {
            return member.voter && member.health <= Health::kLagging;
          });
      ASSERT_NE(leader, members.end());
      ASSERT_EQ(BreachOf(members, leader->id), "");
      const Ids chosen = ChooseVoters(members, leader->id);
      for (auto& member : members) {
        member.voter =
            std::binary_search(chosen.begin(), chosen.end(), member.id);
      }
    }
    for (auto& member : members) member.health = Health::kEligible;
    const auto leader =
        std::find_if(members.begin(), members.end(),
                     [](const auto& member) { return member.voter; });
    EXPECT_EQ(ChooseVoters(members, leader->id).size(),
              VotersFor(members.size()));
  }
}

}  // namespace
}  // namespace jaco::server
