// A hash of the state, for tests that look for states they have not seen yet.

#include "jaco/base/prng.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {
namespace {

class Hasher {
 public:
  void Add(uint64_t value) { hash_ = Mix64(hash_ ^ value); }
  void Add(const EntryId& id) {
    Add(id.term.value());
    Add(id.index.value());
  }
  void Add(const HardState& state) {
    Add(state.term.value());
    Add(state.voted_for.value());
  }
  void Add(const std::vector<NodeId>& nodes) {
    uint64_t sum = nodes.size();  // the order in which votes come is nothing
    for (NodeId node : nodes) sum += Mix64(node.value());
    Add(sum);
  }
  void Add(const Progress& peer) {
    for (uint64_t value :
         {peer.id.value(), peer.session.value(), uint64_t{peer.departing},
          peer.told_round, uint64_t{peer.state == Progress::State::kProbe},
          peer.match.value(), peer.next.value(),
          uint64_t{peer.inflights.messages()}, uint64_t{peer.probe_sent},
          uint64_t{peer.message_due}, peer.acknowledged_round,
          peer.commit_sent.value()}) {
      Add(value);
    }
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_ = 0;
};

}  // namespace

uint64_t Raft::Fingerprint() const {
  Hasher hasher;
  hasher.Add(hard_state_);
  hasher.Add(durability_.hard_state());
  hasher.Add(durability_.index().value());
  hasher.Add(leader_.value());
  hasher.Add(repair_above_.value());
  hasher.Add(commit_.value());
  hasher.Add(applied_.value());
  for (LogIndex i = log_.start().index; i < log_.last().index;) {
    hasher.Add(log_.At(++i)->id);
    hasher.Add(static_cast<uint64_t>(log_.At(i)->kind));
  }
  hasher.Add(state_.index());
  if (const auto* follower = std::get_if<Follower>(&state_)) {
    hasher.Add(follower->match.value());
    hasher.Add(follower->acknowledged.value());
    hasher.Add(follower->round);
    hasher.Add(follower->session.value());
    hasher.Add(follower->answer_due);
    hasher.Add(follower->vote_for.value_or(kNoNode).value());
  } else if (const auto* candidate = std::get_if<Candidate>(&state_)) {
    hasher.Add(candidate->pre_vote);
    hasher.Add(candidate->transfer);
    hasher.Add(candidate->asked);
    hasher.Add(candidate->granted);
    hasher.Add(candidate->refused);
  } else if (const auto* leader = std::get_if<Leader>(&state_)) {
    hasher.Add(leader->first_of_term.value());
    hasher.Add(leader->round);
    hasher.Add(leader->transfer.has_value());
    hasher.Add(leader->transfers_over);
    for (const Progress& peer : leader->peers) hasher.Add(peer);
  }
  return hasher.hash();
}

}  // namespace jaco::raft
