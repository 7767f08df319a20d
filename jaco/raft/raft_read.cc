// Linearizable reads without a log entry: ReadIndex, dissertation §6.4.

#include <utility>

#include "jaco/raft/quorum.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {
namespace {

// Further reads wait until one of these rounds is over and then share the next.
constexpr size_t kReadRoundsInFlightMax = 4;

}  // namespace

void Raft::RequestRead(Instant /*now*/, ReadId id) {
  dirty_ = true;
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) {
    read_results_.push_back({id, NotLeaderError(), {}});
    return;
  }
  leader->reads_waiting.push_back(id);
}

void Raft::StartReadRound() {
  auto& leader = std::get<Leader>(state_);
  if (leader.reads_waiting.empty() ||
      leader.reads_in_flight.size() >= kReadRoundsInFlightMax) {
    return;
  }
  // Before an entry of the own term is committed the leader does not know what
  // its predecessors committed.
  if (commit_ < leader.first_of_term) return;
  leader.reads_in_flight.push_back(
      {++leader.round, commit_, std::exchange(leader.reads_waiting, {})});
  for (Progress& peer : leader.peers) peer.message_due = true;
  FinishReadRounds();  // alone we are a quorum
}

void Raft::FinishReadRounds() {
  auto& leader = std::get<Leader>(state_);
  if (leader.reads_in_flight.empty()) return;
  const auto confirmed =
      ReachedByQuorum<uint64_t>(configuration(), [&](NodeId voter) {
        if (voter == id()) return leader.round;
        const Progress* peer = FindPeer(voter);
        return peer == nullptr ? uint64_t{0} : peer->acknowledged_round;
      });
  auto it = leader.reads_in_flight.begin();
  for (; it != leader.reads_in_flight.end() && it->round <= confirmed; ++it) {
    for (ReadId read : it->reads) {
      read_results_.push_back({read, absl::OkStatus(), it->index});
    }
  }
  leader.reads_in_flight.erase(leader.reads_in_flight.begin(), it);
}

std::vector<ReadId> Raft::TakeReads() {
  std::vector<ReadId> reads;
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return reads;
  for (const ReadRound& round : leader->reads_in_flight) {
    reads.insert(reads.end(), round.reads.begin(), round.reads.end());
  }
  reads.insert(reads.end(), leader->reads_waiting.begin(),
               leader->reads_waiting.end());
  return reads;
}

void Raft::RefuseReads(const std::vector<ReadId>& reads) {
  for (ReadId read : reads) {
    read_results_.push_back({read, NotLeaderError(), {}});
  }
}

}  // namespace jaco::raft
