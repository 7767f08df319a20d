// Linearizable reads without a log entry: ReadIndex, dissertation §6.4.

#include <algorithm>
#include <utility>

#include "jaco/base/error.h"
#include "jaco/raft/quorum.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {
namespace {

// Further reads wait until one of these rounds is over and then share the next.
constexpr size_t kReadRoundsInFlightMax = 4;

absl::Status TooManyReadsError() {
  return MakeError(ErrorCode::kRateLimited, "too many reads wait; try again");
}

}  // namespace

void Raft::RequestRead(Instant now, ReadId id) {
  dirty_ = true;
  now_ = now;
  const Read read{options_.id, id,
                  now + options_.election_timeout * kReadTimeouts};
  if (AnswerByLease(now, read)) return;
  if (OpenReads() >= options_.reads_max) {
    read_results_.push_back({id, TooManyReadsError(), {}});
  } else if (auto* leader = std::get_if<Leader>(&state_)) {
    leader->reads_waiting.push_back(read);
  } else {
    AskLeaderForRead(now, id);
  }
}

size_t Raft::OpenReads() const {
  if (const auto* follower = std::get_if<Follower>(&state_)) {
    return follower->reads.size();
  }
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return 0;
  size_t reads = leader->reads_waiting.size();
  for (const ReadRound& round : leader->reads_in_flight) {
    reads += round.reads.size();
  }
  return reads;
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
  if (std::holds_alternative<Leader>(state_)) return ExpireWaitingReads(now);
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
  absl::Status status;
  if (!response.success) {
    status = response.rate_limited ? TooManyReadsError() : NotLeaderError();
  }
  read_results_.push_back({response.id, std::move(status), response.index});
}

// ---- The leader's side.

void Raft::Handle(Instant now, NodeId from, const ReadIndexRequest& request) {
  auto* leader = std::get_if<Leader>(&state_);
  // What is committed from now on does not get to a server that left.
  if (leader == nullptr || request.term != hard_state_.term ||
      !configuration().Contains(from)) {
    Send(from, ReadIndexResponse{.term = hard_state_.term, .id = request.id});
    return;
  }
  const Read read{from, request.id,
                  now + options_.election_timeout * kReadTimeouts};
  if (AnswerByLease(now, read)) return;
  if (OpenReads() >= options_.reads_max) {
    Send(from,
         ReadIndexResponse{
             .term = hard_state_.term, .id = request.id, .rate_limited = true});
    return;
  }
  leader->reads_waiting.push_back(read);
}

// Nobody else leads at `now`, which is not before the read was asked for, so
// nothing can be committed that is not known here.
bool Raft::AnswerByLease(Instant now, const Read& read) {
  if (!HoldsLease(now) || commit_ < std::get<Leader>(state_).first_of_term) {
    return false;
  }
  AnswerRead(read, commit_);
  return true;
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

// Followers answer, so the leader stays, but perhaps have no room for the entry
// that opens its term. Those who asked for them have given them up themselves.
void Raft::ExpireWaitingReads(Instant now) {
  auto& waiting = std::get<Leader>(state_).reads_waiting;
  const auto end =
      std::find_if(waiting.begin(), waiting.end(),
                   [&](const Read& read) { return now < read.expiry; });
  for (auto read = waiting.begin(); read != end; ++read) {
    dirty_ = true;
    if (read->from != id()) continue;
    read_results_.push_back(
        {read->id,
         MakeError(ErrorCode::kNoLeader, "this leader can commit nothing"),
         {}});
  }
  waiting.erase(waiting.begin(), end);
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
      reads.push_back({options_.id, id, expiry});
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
