// Elections: dissertation §3.4 and §3.6, with PreVote (§9.6), CheckQuorum
// (§6.2) and leader stickiness (§4.2.3).

#include <algorithm>
#include <utility>

#include "jaco/base/check.h"
#include "jaco/raft/quorum.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {

void Raft::ResetElectionDeadline(Instant now) {
  const Duration base = options_.election_timeout;
  election_deadline_ =
      now + Deference(base) + prng_.Between(base, base + base - Nanoseconds(1));
}

// When to try again if this campaign decides nothing. Where a connection to the
// leader broke, others are likely to stand as well and to split the votes; the
// leader is gone, so there is nobody to wait for. But not for ever: connections
// may break for other reasons, and elections may take longer than that.
void Raft::SetCampaignDeadline(Instant now) {
  if (quick_campaigns_ == 0) return ResetElectionDeadline(now);
  --quick_campaigns_;
  const Duration beat = options_.heartbeat_interval;
  election_deadline_ = now + Deference(beat) + prng_.Between(beat, beat * 3);
}

// How much longer a server waits before it stands for election, for those of a
// higher priority to be first.
Duration Raft::Deference(Duration most) const {
  return most * (kPriorityMax - options_.priority) / kPriorityMax;
}

void Raft::BecomeFollower(Instant now, Term term, NodeId leader) {
  JACO_CHECK(term >= hard_state_.term);
  const bool same_leader = term == hard_state_.term && leader == leader_ &&
                           std::holds_alternative<Follower>(state_);
  if (term > hard_state_.term) hard_state_ = {term, kNoNode};
  if (same_leader) return;
  // A higher term alone is no reason to wait longer: only a leader's message
  // and a granted vote are (§3.4). But a leader had no deadline of this kind.
  if (std::holds_alternative<Leader>(state_)) ResetElectionDeadline(now);
  const std::vector<Read> reads = TakeReads();
  // What was promised to an earlier leader or candidate is void.
  state_ = Follower{};
  leader_ = leader;
  RefuseReads(reads);
}

void Raft::StartPreVote(Instant now) {
  RefuseReads(TakeReads());
  leader_ = kNoNode;
  state_ = Candidate{.pre_vote = true};
  SetCampaignDeadline(now);
  AskForVotes();
  CountVote(now, id(), /*granted=*/true);
}

void Raft::StartElection(Instant now, uint64_t transfer) {
  RefuseReads(TakeReads());
  leader_ = kNoNode;
  state_ = Candidate{.pre_vote = false, .transfer = transfer};
  SetCampaignDeadline(now);
  // Our own vote counts, and is known to others, only once it is durable
  // (OnPersisted): a candidate that forgot it could win the same term twice,
  // the second time with a shorter log.
  hard_state_ = {hard_state_.term.Next(), id()};
}

void Raft::AskForVotes() {
  auto& candidate = std::get<Candidate>(state_);
  candidate.asked = true;
  RequestVotes(candidate.pre_vote, candidate.transfer);
}

void Raft::RequestVotes(bool pre_vote, uint64_t transfer) {
  const Term term = pre_vote ? hard_state_.term.Next() : hard_state_.term;
  for (NodeId member : configuration().Members()) {
    if (member == id() || !configuration().IsVoter(member)) continue;
    Send(member, RequestVoteRequest{.term = term,
                                    .last = log_.last(),
                                    .pre_vote = pre_vote,
                                    .transfer = transfer,
                                    .address = OwnAddress()});
  }
}

// A member that may not stand, a learner or one in repair, may have left and
// not know it. To ask for a pre-vote promises nothing, whoever grants it, and a
// leader that hears it from a stranger tells it what it has missed.
void Raft::AskWhoLeads(Instant now) {
  BecomeFollower(now, hard_state_.term, kNoNode);
  if (!configuration().Contains(id())) return;
  ResetElectionDeadline(now);
  RequestVotes(/*pre_vote=*/true, /*transfer=*/0);
}

void Raft::CountVote(Instant now, NodeId voter, bool granted) {
  auto& candidate = std::get<Candidate>(state_);
  for (const auto* seen : {&candidate.granted, &candidate.refused}) {
    if (std::find(seen->begin(), seen->end(), voter) != seen->end()) return;
  }
  (granted ? candidate.granted : candidate.refused).push_back(voter);
  switch (CountVotes(configuration(), candidate.granted, candidate.refused)) {
    case VoteResult::kPending:
      return;
    case VoteResult::kLost:
      // The deadline stays: trying again at once could split votes for ever.
      state_ = Follower{};
      return;
    case VoteResult::kWon:
      if (candidate.pre_vote) {
        StartElection(now, /*transfer=*/0);
      } else {
        BecomeLeader(now);
      }
  }
}

void Raft::BecomeLeader(Instant now) {
  Leader leader;
  for (LogIndex i = handed_out_.Next(); i <= log_.last().index; ++i) {
    leader.uncommitted_bytes += log_.At(i)->data.size();
  }
  quick_campaigns_ = 0;
  leader.first_of_term = log_.last().index.Next();
  leader.heartbeat_deadline = now + options_.heartbeat_interval;
  state_ = std::move(leader);
  leader_ = id();
  if (options_.lease_reads) StartBeat(now);
  SyncPeers(now);
  // An entry of the own term commits what earlier terms left open (§3.6.2) and
  // tells which reads are safe (§6.4).
  AppendOwn(EntryKind::kNoop, {});
}

bool Raft::HeardFromLeaderLately(Instant now) const {
  if (leader_ == id()) return true;  // until CheckQuorum says otherwise
  return contact_.has_value() && now < contact_->at + options_.election_timeout;
}

// Whether the leader that we promised something to has no use for it any more:
// it stands for election itself, so it has stepped down; or it hands over.
bool Raft::LeaderGaveUp(Instant now, const RequestVoteRequest& request,
                        NodeId candidate) const {
  if (request.transfer > 0) {
    return MayFollowHandOver(now, request.term.Previous(), request.transfer);
  }
  return contact_.has_value() && candidate == contact_->leader &&
         request.term > contact_->term;
}

// A log with an entry of a term is that of the term's leader up to there, and
// that leader had all that was committed before.
void Raft::EndRepair() {
  if (!repairing()) return;
  const Term last = log_.TermAt(durability_.index()).value_or(Term());
  if (last > repair_above_) repair_above_ = Term();
}

bool Raft::MayGrant(const RequestVoteRequest& request, NodeId candidate) const {
  if (repairing()) return false;
  if (!AtLeastAsUpToDate(request.last, log_.last())) return false;
  if (request.pre_vote) return request.term > hard_state_.term;
  return request.term == hard_state_.term &&
         (hard_state_.voted_for == kNoNode ||
          hard_state_.voted_for == candidate);
}

// Two whose pre-votes cross would both win them, stand, and split the votes.
// One goes on; the other, which has promised nothing, waits for its deadline.
bool Raft::YieldsTo(const RequestVoteRequest& request, NodeId other) const {
  const auto* candidate = std::get_if<Candidate>(&state_);
  if (candidate == nullptr || !candidate->pre_vote) return false;
  // Learners and those who left ask, too, and cannot win.
  if (!configuration().IsVoter(other)) return false;
  return request.last != log_.last() || other > id();
}

void Raft::Handle(Instant now, NodeId from, const RequestVoteRequest& request) {
  // A server that is in touch with a leader neither grants nor takes over the
  // term: one that was cut off, or removed, cannot disturb the rest (§4.2.3).
  const bool ignore =
      HeardFromLeaderLately(now) && !LeaderGaveUp(now, request, from);
  KeepStranger(now, from);
  if (!ignore && !request.pre_vote && request.term > hard_state_.term) {
    BecomeFollower(now, request.term, kNoNode);
  }
  if (ignore || !MayGrant(request, from)) {
    // Carries our term: a candidate that is behind learns of it.
    Send(from, RequestVoteResponse{.term = hard_state_.term,
                                   .pre_vote = request.pre_vote,
                                   .granted = false});
    return;
  }
  if (request.pre_vote) {
    if (YieldsTo(request, from)) state_ = Follower{};
    Send(from, RequestVoteResponse{
                   .term = request.term, .pre_vote = true, .granted = true});
    return;
  }
  // Candidates and leaders of this term have given their vote to themselves, so
  // only a follower or a pre-candidate, which has promised nothing, comes here.
  if (!std::holds_alternative<Follower>(state_)) state_ = Follower{};
  hard_state_.voted_for = from;
  std::get<Follower>(state_).vote_for = from;
  ResetElectionDeadline(now);
  ReleaseVote();
}

void Raft::ReleaseVote() {
  auto* follower = std::get_if<Follower>(&state_);
  if (follower == nullptr || !follower->vote_for.has_value()) return;
  if (durability_.hard_state() != hard_state_) return;
  Send(*follower->vote_for,
       RequestVoteResponse{
           .term = hard_state_.term, .pre_vote = false, .granted = true});
  follower->vote_for.reset();
}

void Raft::Handle(Instant now, NodeId from,
                  const RequestVoteResponse& response) {
  if (!response.granted && response.term > hard_state_.term) {
    BecomeFollower(now, response.term, kNoNode);
    return;
  }
  auto* candidate = std::get_if<Candidate>(&state_);
  if (candidate == nullptr || candidate->pre_vote != response.pre_vote) return;
  if (response.granted) {
    const Term asked =
        candidate->pre_vote ? hard_state_.term.Next() : hard_state_.term;
    if (response.term != asked) return;  // an answer to an earlier campaign
  }
  CountVote(now, from, response.granted);
}

Instant Raft::QuorumContact(Instant now) const {
  const auto& leader = std::get<Leader>(state_);
  return ReachedByQuorum<Instant>(configuration(), [&](NodeId voter) {
    if (voter == id()) return now;
    for (const Progress& peer : leader.peers) {
      if (peer.id == voter) return peer.last_contact;
    }
    JACO_CHECK_MSG(false, "no progress for voter ", voter.value());
  });
}

bool Raft::CheckQuorum(Instant now) {
  if (now - QuorumContact(now) < options_.election_timeout) return true;
  dirty_ = true;
  BecomeFollower(now, hard_state_.term, kNoNode);
  return false;
}

}  // namespace jaco::raft
