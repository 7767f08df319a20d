// Random worlds of servers that join a cluster by tokens, through whichever
// member, while power fails anywhere and links are cut: a token admits one
// node at most, a join that was answered lasts, one that was not can be
// repeated, and when all is well again every server is a member.
//
//   JACO_SEEDS=1..5000 bazel run //jaco/sim/server:join_swarm_test

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/server/voter_policy.h"
#include "jaco/sim/server/testing/joining_cluster.h"
#include "jaco/sim/server/testing/seeds.h"
#include "jaco/sim/sim_join_peer.h"

namespace jaco::server {
namespace {

class JoinSwarmTest : public TokenJoinTest, sim::SimJoinPeer::Place {
 protected:
  void RunSeed(uint64_t seed) {
    prng_ = Prng(seed);
    Clear(seed);
    servers_ = static_cast<NodeNumber>(prng_.Between(2, 6));
    Start(1);
    At(1).Init({}, {}, [](const auto&) {});
    Run(Seconds(2));
    const Instant end = queue_.now() + prng_.Between(Seconds(5), Seconds(20));
    while (queue_.now() < end) {
      Strike();
      Run(prng_.Between(Milliseconds(1), Milliseconds(400)));
      ASSERT_NO_FATAL_FAILURE(Check());
    }
    Heal();
    for (int i = 0; i < 400 && !AllIsWell(); ++i) {
      for (NodeNumber node = 2; node <= servers_; ++node) TryToJoin(node);
      Run(Milliseconds(250));
      ASSERT_NO_FATAL_FAILURE(Check());
    }
    ASSERT_TRUE(AllIsWell()) << Where();
    ASSERT_NO_FATAL_FAILURE(CheckFinal());
  }

  void Admit(const std::string& peer, const std::string& fingerprint,
             const std::string& join_token, AdmitRequest request,
             Reply<AdmitResponse> reply) override {
    way_.Admit(peer, fingerprint, join_token, std::move(request),
               std::move(reply));
  }

 private:
  struct Joiner {
    std::string token;                     // that it was told to use
    std::shared_ptr<std::string> outcome;  // "none" while it is under way
  };

  Server* ServerOf(NodeNumber node) override {
    return processes_.contains(node) ? &At(node) : nullptr;
  }
  uint64_t IncarnationOf(NodeNumber node) override {
    return askers_[OptionsOf(node).node_name].second;
  }
  bool Reaches(NodeNumber from, NodeNumber to) override {
    return !IsCut(from, to);
  }
  void OnAsked(NodeNumber from, const std::string& join_token,
               uint64_t node_id) override {
    asked_[join_token].insert(node_id);
    ids_[from].insert(node_id);
  }

  void Clear(uint64_t seed) {
    Heal();
    NewDisks(seed);
    tokens_.clear();
    joiners_.clear();
    asked_.clear();
    ids_.clear();
    joined_.clear();
  }

  bool IsUp(NodeNumber node) {
    return processes_.contains(node) && !files_[node]->crashed();
  }
  bool IsMember(NodeNumber node) {
    return IsUp(node) && At(node).lifecycle() == Lifecycle::kMember;
  }
  bool IsCut(NodeNumber a, NodeNumber b) const {
    return cut_.contains({std::min(a, b), std::max(a, b)});
  }
  // Any; 0 when there is none.
  NodeNumber SomeMember() {
    std::vector<NodeNumber> members;
    for (NodeNumber node = 1; node <= servers_; ++node) {
      if (IsMember(node)) members.push_back(node);
    }
    return members.empty() ? NodeNumber{0}
                           : members[prng_.Below(members.size())];
  }

  void Strike() {
    const auto node = static_cast<NodeNumber>(prng_.Between(1, servers_));
    switch (prng_.Below(10)) {
      case 0:
        if (IsUp(node)) Lose(node);
        break;
      case 1:
        if (!IsUp(node)) break;
        files_[node]->FailAt(files_[node]->operations() + prng_.Between(1, 40),
                             sim::SimFileSystem::Fault::kCrash);
        break;
      case 2:
        Cut();
        break;
      case 3:
        Mend();
        break;
      case 4:
      case 5:
        Raise(node);
        break;
      default:
        TryToJoin(node);
    }
  }

  void Lose(NodeNumber node) {
    joiners_[node].outcome = nullptr;
    PowerLoss(node);
  }
  void Raise(NodeNumber node) {
    if (processes_.contains(node) && files_[node]->crashed()) Lose(node);
    if (!processes_.contains(node)) Start(node);
  }
  void Cut() {
    Mend();
    const uint64_t side = prng_.Next();
    for (NodeNumber a = 1; a <= servers_; ++a) {
      for (NodeNumber b = static_cast<NodeNumber>(a + 1); b <= servers_; ++b) {
        if (((side >> a) & 1) == ((side >> b) & 1)) continue;
        cut_.insert({a, b});
        fabric_.Cut(a, b);
        fabric_.Cut(b, a);
      }
    }
  }
  void Mend() {
    for (const auto& [a, b] : std::exchange(cut_, {})) {
      fabric_.Mend(a, b);
      fabric_.Mend(b, a);
    }
  }
  void Heal() {
    Mend();
    for (NodeNumber node = 1; node <= servers_; ++node) {
      files_[node]->FailAt(0, sim::SimFileSystem::Fault::kCrash);
      Raise(node);
    }
  }

  // An operator's way: the token that it has, again and again, unless it is
  // somebody else's by now.
  void TryToJoin(NodeNumber node) {
    const NodeNumber peer = SomeMember();
    if (peer == 0 || !IsUp(node) || IsMember(node)) return;
    Joiner& joiner = joiners_[node];
    if (joiner.outcome != nullptr && *joiner.outcome == "none") return;
    if (joiner.outcome != nullptr && *joiner.outcome == "join_token_consumed") {
      ASSERT_FALSE(IsInTable(node)) << int{node} << " was told that its token "
                                    << "is somebody else's";
      joiner.token.clear();
    }
    joiner.outcome = nullptr;
    if (joiner.token.empty()) joiner.token = TakeToken(peer);
    if (joiner.token.empty()) return;
    joiner.outcome = std::make_shared<std::string>("none");
    At(node).Join(
        {}, {absl::StrCat(int{peer}), joiner.token},
        [this, node, again = IsInTable(node), outcome = joiner.outcome](
            const absl::StatusOr<JoinResponse>& response) {
          *outcome =
              response.ok()
                  ? "ok"
                  : std::string(ErrorCodeName(CodeOf(response.status())));
          ++(again ? repeated_ : first_)[*outcome];
          if (response.ok()) joined_.insert(node);
        });
  }
  // Sometimes one that another server was given, too; empty: later.
  std::string TakeToken(NodeNumber member) {
    if (!tokens_.empty() && prng_.Chance(2, 3)) {
      const std::string token = tokens_.back();
      if (prng_.Chance(2, 3)) tokens_.pop_back();
      return token;
    }
    At(member).IssueJoinToken({}, {}, [this](const auto& response) {
      if (response.ok()) tokens_.push_back(response->join_token);
    });
    return "";
  }

  // Whether anybody has heard that the server was admitted.
  bool IsInTable(NodeNumber node) {
    for (const auto& [number, process] : processes_) {
      for (const auto& [id, row] : process->server.state().nodes()) {
        if (ids_[node].contains(id)) return true;
      }
    }
    return false;
  }

  void Check() {
    for (const auto& [number, process] : processes_) {
      const auto& nodes = process->server.state().nodes();
      for (const auto& [token, ids] : asked_) {
        const auto admitted =
            std::count_if(ids.begin(), ids.end(),
                          [&nodes](uint64_t id) { return nodes.contains(id); });
        ASSERT_LE(admitted, 1) << "by one token, says " << int{number};
      }
    }
  }

  bool AllIsWell() {
    const NodeNumber leader = Leader();
    if (leader == 0) return false;
    const raft::Raft& raft = *At(leader).raft();
    for (NodeNumber node = 1; node <= servers_; ++node) {
      if (!IsMember(node) ||
          At(node).state().digest() != At(leader).state().digest()) {
        return false;
      }
    }
    for (const auto& [id, node] : At(leader).state().nodes()) {
      if (node.status() != fsm::NODE_STATUS_READY) return false;
    }
    return !raft.configuration().IsJoint() &&
           raft.configuration().voters.size() == VotersFor(servers_);
  }

  void CheckFinal() {
    const auto& nodes = At(Leader()).state().nodes();
    ASSERT_EQ(nodes.size(), size_t{servers_});
    for (const NodeNumber node : joined_) {
      ASSERT_TRUE(nodes.contains(At(node).raft()->id().value())) << int{node};
    }
  }

  std::string Where() {
    std::string text;
    for (NodeNumber node = 1; node <= servers_; ++node) {
      const auto& outcome = joiners_[node].outcome;
      absl::StrAppend(&text, int{node}, ": ",
                      LifecycleName(At(node).lifecycle()), ", ",
                      outcome == nullptr ? "did not try" : *outcome, ", ",
                      At(node).state().nodes().size(), " nodes\n");
    }
    return text;
  }

  sim::SimJoinPeer way_{queue_, *this, Prng(11)};
  NodeNumber servers_ = 0;
  std::set<std::pair<NodeNumber, NodeNumber>> cut_;
  std::vector<std::string> tokens_;  // that somebody may still be given
  std::map<NodeNumber, Joiner> joiners_;
  std::map<std::string, std::set<uint64_t>> asked_;  // ids, by token
  std::map<NodeNumber, std::set<uint64_t>> ids_;     // that it has asked for
  std::set<NodeNumber> joined_;                      // and was told so

 protected:
  // Outcomes of all seeds: of servers that were not admitted before, and of
  // those that had been and did not know it.
  std::map<std::string, int> first_;
  std::map<std::string, int> repeated_;
};

class Halves : public JoinSwarmTest,
               public ::testing::WithParamInterface<int> {};

TEST_P(Halves, ATokenAdmitsOneAndInTheEndAllAreMembers) {
  const auto [first, last] = sim::SeedsToRun({1, 200});
  for (uint64_t seed = first; seed <= last; ++seed) {
    if (static_cast<int>(seed % 2) != GetParam()) continue;
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RunSeed(seed);
    if (HasFatalFailure()) return;
  }
  // It is about these.
  EXPECT_GT(first_["ok"], 0);
  EXPECT_GT(first_["join_token_consumed"], 0);
  EXPECT_GT(first_["peer_unreachable"], 0);
  EXPECT_GT(repeated_["ok"], 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Halves, ::testing::Values(0, 1));

}  // namespace
}  // namespace jaco::server
