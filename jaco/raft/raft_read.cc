// Linearizable reads without a log entry: ReadIndex, dissertation §6.4.

#include <utility>

#include "jaco/base/error.h"
#include "jaco/raft/quorum.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {
namespace {

// Further reads wait until one of these rounds is over and then share the next.
constexpr size_t kReadRoundsInFlightMax = 4;

}  // namespace

void Raft::RequestRead(Instant now, ReadId id) {
  dirty_ = true;
  if (auto* leader = std::get_if<Leader>(&state_)) {
    leader->reads_waiting.push_back({options_.id, id});
    return;
  }
  AskLeaderForRead(now, id);
}

// ---- The follower's side.

void Raft::AskLeaderForRead(Instant now, ReadId id) {
  auto* follower = std::get_if<Follower>(&state_);
  if (follower == nullptr || leader_ == kNoNode) {
    read_results_.push_back({id, NotLeaderError(), {}});
    return;
  }
  follower->reads[id] = now + options_.election_timeout;
  Send(leader_, ReadIndexRequest{.term = hard_state_.term, .id = id});
}

void Raft::ExpireReads(Instant now) {
  auto* follower = std::get_if<Follower>(&state_);
  if (follower == nullptr) return;
  std::erase_if(follower->reads, [&](const auto& read) {
    if (now < read.second) return false;
    dirty_ = true;
    read_results_.push_back(
        {read.first,
         MakeError(ErrorCode::kNoLeader, "the leader does not answer"),
         {}});
    return true;
  });
}

void Raft::Handle(Instant now, NodeId /*from*/,
                  const ReadIndexResponse& response) {
  if (response.term > hard_state_.term) {
    BecomeFollower(now, response.term, kNoNode);
    return;
  }
  auto* follower = std::get_if<Follower>(&state_);
  // The index is good whoever leads by now: it was confirmed after the read
  // was asked for, and an id is asked for once.
  if (follower == nullptr || follower->reads.erase(response.id) == 0) return;
  read_results_.push_back(
      {response.id, response.success ? absl::OkStatus() : NotLeaderError(),
       response.index});
}

// ---- The leader's side.

void Raft::Handle(Instant /*now*/, NodeId from,
                  const ReadIndexRequest& request) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr || request.term != hard_state_.term) {
    Send(from, ReadIndexResponse{.term = hard_state_.term, .id = request.id});
    return;
  }
  leader->reads_waiting.push_back({from, request.id});
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
    for (const Read& read : it->reads) AnswerRead(read, it->index);
  }
  leader.reads_in_flight.erase(leader.reads_in_flight.begin(), it);
}

void Raft::AnswerRead(const Read& read, LogIndex index) {
  if (read.from == id()) {
    read_results_.push_back({read.id, absl::OkStatus(), index});
    return;
  }
  Send(read.from, ReadIndexResponse{.term = hard_state_.term,
                                    .id = read.id,
                                    .success = true,
                                    .index = index});
}

// ---- Both: what is open when the role ends.

std::vector<Raft::Read> Raft::TakeReads() {
  std::vector<Read> reads;
  if (auto* follower = std::get_if<Follower>(&state_)) {
    for (const auto& [id, expiry] : follower->reads) {
      reads.push_back({options_.id, id});
    }
    follower->reads.clear();
  } else if (auto* leader = std::get_if<Leader>(&state_)) {
    for (const ReadRound& round : leader->reads_in_flight) {
      reads.insert(reads.end(), round.reads.begin(), round.reads.end());
    }
    reads.insert(reads.end(), leader->reads_waiting.begin(),
                 leader->reads_waiting.end());
  }
  return reads;
}

void Raft::RefuseReads(const std::vector<Read>& reads) {
  for (const Read& read : reads) {
    if (read.from == id()) {
      read_results_.push_back({read.id, NotLeaderError(), {}});
    } else {
      Send(read.from,
           ReadIndexResponse{.term = hard_state_.term, .id = read.id});
    }
  }
}

}  // namespace jaco::raft
