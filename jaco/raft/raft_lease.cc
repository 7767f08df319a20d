// Leases: dissertation §6.4.1.
//
// A voter that answers a leader promises not to vote for anyone else for an
// election timeout from when the request came. The leader counts that from when
// it sent the request, by its own clock, and shorter by what two clocks may
// differ. What keeps the promise is leader stickiness (raft_election.cc), with
// these rules:
// - it outlives the voter's role, its term and a crash, even if the voter
//   promises nothing any more after that;
// - a leader that hands over has no lease; one that gave a hand-over up counts
//   only promises made by those who know that;
// - a broken connection to the leader does not end it.

#include <algorithm>

#include "jaco/raft/quorum.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {
namespace {

constexpr int64_t kMillion = 1'000'000;

// The longest time that surely is over, on a clock that may be slow by `ppm`,
// before `promised` is on one that may be as much too fast.
Duration ShortenedBy(int64_t ppm, Duration promised) {
  return Nanoseconds(
      static_cast<int64_t>(static_cast<__int128>(promised.nanoseconds()) *
                           (kMillion - ppm) / (kMillion + ppm)));
}

}  // namespace

// ---- The follower's side.

void Raft::NoteContact(Instant now, NodeId leader,
                       const AppendEntriesRequest& request) {
  uint64_t over = request.transfers_over;
  // Requests overtake each other.
  if (contact_.has_value() && contact_->term == request.term) {
    over = std::max(over, contact_->transfers_over);
  }
  contact_ = Contact{request.term, leader, now, over};
}

// Whether hand-over number `transfer` of the leader of `term` releases us from
// what we promised: not if that leader has given it up, for it may hold a lease
// again. A leader of a later term than we know would not be there if another
// still held a lease.
bool Raft::MayFollowHandOver(Instant now, Term term, uint64_t transfer) const {
  if (const auto* leader = std::get_if<Leader>(&state_)) {
    return term >= hard_state_.term && transfer > leader->transfers_over;
  }
  if (term == restart_term_ && now < forgetful_until_) return false;
  if (!contact_.has_value() || term > contact_->term) return true;
  return term == contact_->term && transfer > contact_->transfers_over;
}

Duration Raft::Promise() const {
  return options_.lease_reads ? options_.election_timeout : Duration();
}

// ---- The leader's side.

void Raft::StartBeat(Instant now) {
  auto& leader = std::get<Leader>(state_);
  while (!leader.beats.empty() &&
         now - leader.beats.front().since >= options_.election_timeout) {
    leader.beats.pop_front();
  }
  leader.beats.push_back({++leader.round, now});
}

void Raft::NotePromise(Progress& peer, const AppendEntriesResponse& response) {
  const auto& beats = std::get<Leader>(state_).beats;
  const auto beat = std::find_if(
      beats.rbegin(), beats.rend(),
      [&](const Beat& other) { return other.round <= response.round; });
  if (beat == beats.rend()) return;
  const Duration promised =
      std::min(response.promise, options_.election_timeout);
  peer.promised_until = std::max(
      peer.promised_until,
      beat->since + ShortenedBy(options_.clock_drift_ppm_max, promised));
}

void Raft::EndLease() {
  auto& leader = std::get<Leader>(state_);
  leader.beats.clear();
  for (Progress& peer : leader.peers) peer.promised_until = Instant();
}

bool Raft::HoldsLease(Instant now) const {
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr || !options_.lease_reads) return false;
  if (leader->transfer.has_value()) return false;
  // Of a configuration without us there may be only one voter left, and who is
  // alone does not wait after a restart.
  if (!configuration().IsVoter(id())) return false;
  const auto until =
      ReachedByQuorum<Instant>(configuration(), [&](NodeId voter) {
        if (voter == id()) return Instant::Never();
        for (const Progress& peer : leader->peers) {
          if (peer.id == voter) return peer.promised_until;
        }
        return Instant();
      });
  return now < until;
}

}  // namespace jaco::raft
