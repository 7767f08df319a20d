#include "jaco/raft/quorum.h"

#include <gtest/gtest.h>  // Before RapidCheck's, which needs it.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <map>
#include <vector>

namespace jaco::raft {
namespace {

// Servers 1 to 7 as bits 0 to 6.
std::vector<NodeId> NodesOf(unsigned bits) {
  std::vector<NodeId> nodes;
  for (unsigned i = 0; i < 7; ++i) {
    if ((bits >> i & 1) != 0) nodes.push_back(NodeId(i + 1));
  }
  return nodes;
}

bool IsMajority(unsigned some, unsigned of) {
  return 2 * __builtin_popcount(some & of) > __builtin_popcount(of);
}

// By definition: won when both lists have a majority of grants, lost when even
// all open votes could not bring that about.
VoteResult Naive(unsigned voters, unsigned outgoing, unsigned granted,
                 unsigned refused) {
  const auto wins = [&](unsigned votes) {
    return IsMajority(votes, voters) &&
           (outgoing == 0 || IsMajority(votes, outgoing));
  };
  if (wins(granted)) return VoteResult::kWon;
  return wins(~refused & 0x7f) ? VoteResult::kPending : VoteResult::kLost;
}

void CompareVotes(unsigned voters, unsigned outgoing, unsigned granted,
                  unsigned refused) {
  const Configuration configuration{.voters = NodesOf(voters),
                                    .outgoing = NodesOf(outgoing)};
  ASSERT_EQ(CountVotes(configuration, NodesOf(granted), NodesOf(refused)),
            Naive(voters, outgoing, granted, refused))
      << voters << " " << outgoing << " " << granted << " " << refused;
}

TEST(QuorumTest, MajorityIsMoreThanHalf) {
  EXPECT_EQ(MajorityOf(1), 1u);
  EXPECT_EQ(MajorityOf(2), 2u);
  EXPECT_EQ(MajorityOf(3), 2u);
  EXPECT_EQ(MajorityOf(4), 3u);
  EXPECT_EQ(MajorityOf(5), 3u);
}

// All votes of up to 7 servers, in all groups of voters among them: votes from
// outside the configuration do not count.
TEST(QuorumTest, CountsVotesOfEveryGroup) {
  for (unsigned voters = 1; voters < 0x80; ++voters) {
    for (unsigned granted = 0; granted < 0x80; ++granted) {
      CompareVotes(voters, 0, granted, 0x7f & ~granted);
      for (unsigned refused : {0u, 0x15u, 0x2au, 0x0fu, 0x70u}) {
        CompareVotes(voters, 0, granted, refused & ~granted);
      }
    }
  }
}

TEST(QuorumTest, CountsAllVotesOfSevenVoters) {
  for (unsigned n = 1; n <= 7; ++n) {
    const unsigned all = (1u << n) - 1;
    for (unsigned granted = 0; granted <= all; ++granted) {
      for (unsigned refused = 0; refused <= all; ++refused) {
        if ((granted & refused) != 0) continue;
        CompareVotes(all, 0, granted, refused);
      }
    }
  }
}

// Joint consensus of all pairs of groups among five servers.
TEST(QuorumTest, CountsVotesOfBothGroups) {
  for (unsigned voters = 1; voters < 0x20; ++voters) {
    for (unsigned outgoing = 1; outgoing < 0x20; ++outgoing) {
      for (unsigned granted = 0; granted < 0x20; ++granted) {
        CompareVotes(voters, outgoing, granted, 0);
        CompareVotes(voters, outgoing, granted, 0x7f & ~granted);
      }
    }
  }
}

RC_GTEST_PROP(QuorumPropertyTest, ReachedIsTheLargestValueOfAQuorum, ()) {
  const unsigned voters = *rc::gen::inRange(1u, 0x80u);
  const unsigned outgoing = *rc::gen::inRange(0u, 0x80u);
  std::map<NodeId, uint64_t> values;
  for (NodeId node : NodesOf(0x7f)) values[node] = *rc::gen::inRange(0, 10);
  const Configuration configuration{.voters = NodesOf(voters),
                                    .outgoing = NodesOf(outgoing)};
  uint64_t expected = 0;
  for (uint64_t value = 1; value <= 10; ++value) {
    unsigned reached = 0;
    for (unsigned i = 0; i < 7; ++i) {
      if (values[NodeId(i + 1)] >= value) reached |= 1u << i;
    }
    if (Naive(voters, outgoing, reached, 0) == VoteResult::kWon) {
      expected = value;
    }
  }
  RC_ASSERT(ReachedByQuorum<uint64_t>(configuration, [&](NodeId node) {
              return values[node];
            }) == expected);
}

}  // namespace
}  // namespace jaco::raft
