// A hash of the state, for tests that look for states they have not seen yet.

#include "jaco/base/prng.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {
namespace {

class Hasher {
 public:
  explicit Hasher(const std::vector<NodeId>& names) : names_(names) {}

  void Add(uint64_t value) { hash_ = Mix64(hash_ ^ value); }
  void Add(const EntryId& id) {
    Add(id.term.value());
    Add(id.index.value());
  }
  void Add(NodeId node) { Add(NameOf(node)); }
  void Add(const HardState& state) {
    Add(state.term.value());
    Add(state.voted_for);
  }
  void Add(const std::vector<NodeId>& nodes) {
    uint64_t sum = nodes.size();  // the order in which votes come is nothing
    for (NodeId node : nodes) sum += Mix64(NameOf(node));
    Add(sum);
  }
  void Add(const std::vector<Progress>& peers) {
    uint64_t sum = peers.size();  // nor is the order of servers
    for (const Progress& peer : peers) {
      Hasher one(names_);
      one.Add(peer);
      sum += one.hash();
    }
    Add(sum);
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t NameOf(NodeId node) const {
    const bool renamed = node != kNoNode && node.value() <= names_.size();
    return renamed ? names_[node.value() - 1].value() : node.value();
  }
  void Add(const Progress& peer) {
    for (uint64_t value :
         {NameOf(peer.id), peer.session.value(), uint64_t{peer.departing},
          peer.told_round, static_cast<uint64_t>(peer.state),
          uint64_t{peer.snapshot_failed}, peer.match.value(), peer.next.value(),
          uint64_t{peer.inflights.messages()}, uint64_t{peer.probe_sent},
          uint64_t{peer.message_due}, peer.acknowledged_round,
          peer.commit_sent.value()}) {
      Add(value);
    }
  }

  const std::vector<NodeId>& names_;
  uint64_t hash_ = 0;
};

}  // namespace

uint64_t Raft::Fingerprint(const std::vector<NodeId>& names) const {
  Hasher hasher(names);
  hasher.Add(hard_state_);
  hasher.Add(durability_.hard_state());
  hasher.Add(durability_.index().value());
  hasher.Add(leader_);
  hasher.Add(repair_above_.value());
  hasher.Add(commit_.value());
  hasher.Add(applied_.value());
  if (contact_.has_value() && contact_->term == hard_state_.term) {
    hasher.Add(contact_->transfers_over);
  }
  hasher.Add(log_.start());
  hasher.Add(configurations_.index().value());
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
    hasher.Add(follower->vote_for.value_or(kNoNode));
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
    hasher.Add(leader->transfer.has_value() ? leader->transfer->target
                                            : kNoNode);
    hasher.Add(leader->peers);
  }
  return hasher.hash();
}

}  // namespace jaco::raft
