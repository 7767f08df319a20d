// Replication and commitment: dissertation §3.5, §3.6.2, and §10.2.1 for
// writing to the leader's disk in parallel.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/quorum.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {

void Raft::AppendToLog(EntryPtr entry) {
  if (entry->kind == EntryKind::kConfiguration) {
    // Proposed by us or checked by whoever decoded the frame or the log.
    auto configuration = DecodeConfiguration(entry->data);
    JACO_CHECK_MSG(configuration.ok(), configuration.status().message());
    configurations_.Append(entry->id.index, *std::move(configuration));
  }
  log_.Append(std::move(entry));
}

void Raft::TruncateLogFrom(LogIndex index) {
  JACO_CHECK_MSG(index > commit_, "entry ", index.value(),
                 " is committed and may not be replaced; commit is ",
                 commit_.value());
  log_.TruncateFrom(index);
  configurations_.TruncateFrom(index);
  durability_.OnTruncated(index);
}

void Raft::AppendOwn(EntryKind kind, std::string data) {
  auto& leader = std::get<Leader>(state_);
  leader.uncommitted_bytes += data.size();
  AppendToLog(std::make_shared<const Entry>(Entry{
      {hard_state_.term, log_.last().index.Next()}, kind, std::move(data)}));
}

// ---- The follower's side.

void Raft::Handle(Instant now, NodeId from, AppendEntriesRequest& request) {
  if (request.term < hard_state_.term) {
    // Ours is higher: a leader that was cut off steps down, and one whose term
    // we overtook starts a new election instead of losing us for good. Nothing
    // but the term: by now `from` may lead this very term, and must not take
    // the answer to a question of an earlier one, least of all its round, for
    // an answer to a question of this one.
    Send(from, AppendEntriesResponse{.term = hard_state_.term});
    return;
  }
  if (request.term == hard_state_.term &&
      (std::holds_alternative<Leader>(state_) ||
       (leader_ != kNoNode && leader_ != from))) {
    return;  // there is one leader a term, and `from` is not it
  }
  BecomeFollower(now, request.term, from);
  NoteContact(now, from, request);
  quick_campaigns_ = 0;
  ResetElectionDeadline(now);
  const EntryId& previous = request.previous;
  CheckCommitted(previous);
  for (const EntryPtr& entry : request.entries) {
    if (entry->id.index > commit_ || !failure_.ok()) break;
    CheckCommitted(entry->id);
  }
  if (!failure_.ok()) return;
  // What is before our log cannot be compared. Whoever leads has it, too,
  // unless as above: then it must not take us for one that has its entries.
  const LogIndex end = previous.index + request.entries.size();
  if (end < log_.start().index ||
      (previous.index >= commit_ && !log_.Contains(previous))) {
    RejectAppend(from, request);
    return;
  }
  AppendFromLeader(request);
}

// Every leader has what is committed (Leader Completeness, §3.6.3), unless an
// operator has brought the cluster back with others.
void Raft::CheckCommitted(const EntryId& id) {
  if (id.index > commit_) return;
  const std::optional<Term> ours = log_.TermAt(id.index);
  if (!ours.has_value() || *ours == id.term) return;
  failure_ = MakeError(
      ErrorCode::kDataLoss,
      absl::StrCat("entry ", id.index.value(), " of term ", ours->value(),
                   " is committed here, and of term ", id.term.value(),
                   " in the leader's log: the cluster was brought back without "
                   "what this server has"));
}

// Does not wait for the disk, as it claims nothing of the log. But a server
// that crashes before the term is durable does not know that it promised
// anything.
void Raft::RejectAppend(NodeId to, const AppendEntriesRequest& request) {
  const EntryId& previous = request.previous;
  const bool remembers = durability_.hard_state().term == hard_state_.term;
  Send(to, AppendEntriesResponse{
               .term = hard_state_.term,
               .success = false,
               .round = request.round,
               .session = request.session,
               .match = previous.index,
               .hint = log_.LastNotBeyond({previous.term, previous.index}),
               .promise = remembers ? Promise() : Duration(),
               .priority = options_.priority});
}

void Raft::AppendFromLeader(const AppendEntriesRequest& request) {
  for (const EntryPtr& entry : request.entries) {
    const LogIndex index = entry->id.index;
    // Committed entries are the leader's too (Leader Completeness); those that
    // we hold already may be followed by more, so nothing is cut for them.
    if (index <= commit_ || log_.Contains(entry->id)) continue;
    if (index <= log_.last().index) TruncateLogFrom(index);
    AppendToLog(entry);
  }
  const LogIndex match = request.previous.index + request.entries.size();
  SetCommit(std::min(request.commit, match));
  auto& follower = std::get<Follower>(state_);
  // A heartbeat or a read round asks whether we are there; the disk may take
  // longer than the leader's patience, and need not be waited for. And what is
  // durable already was perhaps acknowledged before, in an answer that was
  // lost.
  if (request.entries.empty() || request.round > follower.round ||
      match <= durability_.index()) {
    follower.answer_due = true;
  }
  follower.match = std::max(follower.match, match);
  follower.round = std::max(follower.round, request.round);
  follower.session = std::max(follower.session, request.session);
  // The leader sends after what it takes us to have: that is no news to it.
  follower.acknowledged =
      std::max(follower.acknowledged,
               std::min(request.previous.index, durability_.index()));
  ReleaseAcknowledgement();
}

// Answers as far as the disk has come: under load there is always something
// behind the last sync, and waiting for all of it would mean waiting for ever.
void Raft::ReleaseAcknowledgement() {
  auto* follower = std::get_if<Follower>(&state_);
  if (follower == nullptr || durability_.hard_state() != hard_state_) return;
  const LogIndex match = std::min(follower->match, durability_.index());
  if (match <= follower->acknowledged && !follower->answer_due) return;
  Send(leader_, AppendEntriesResponse{.term = hard_state_.term,
                                      .success = true,
                                      .round = follower->round,
                                      .session = follower->session,
                                      .match = match,
                                      .promise = Promise(),
                                      .priority = options_.priority});
  follower->acknowledged = std::max(follower->acknowledged, match);
  follower->answer_due = false;
}

// ---- The leader's side.

void Raft::Handle(Instant now, NodeId from,
                  const AppendEntriesResponse& response) {
  if (response.term > hard_state_.term) {
    BecomeFollower(now, response.term, kNoNode);
    return;
  }
  Progress* peer = FindPeer(from);
  if (peer == nullptr || response.term < hard_state_.term ||
      response.session != peer->session) {
    return;
  }
  auto& leader = std::get<Leader>(state_);
  if (response.match > log_.last().index || response.round > leader.round) {
    return;  // no such thing was ever sent
  }
  peer->last_contact = now;
  peer->acknowledged_round = std::max(peer->acknowledged_round, response.round);
  peer->priority = response.priority;
  NotePromise(*peer, response);
  if (response.success) {
    peer->OnAcknowledged(response.match);
    AdvanceCommit();
    TellCommit(*peer);
  } else {
    OnRejected(*peer, response);
  }
  FinishReadRounds();
  if (peer->departing) DropDeparted(now);
  OnCommitAdvanced(now);
}

void Raft::OnRejected(Progress& peer, const AppendEntriesResponse& response) {
  // Its log begins behind what it was asked for: it is asked there, as soon as
  // ours is as long. What is streamed gets answers of its own.
  if (response.hint.index > response.match) {
    const LogIndex start = response.hint.index;
    if (peer.state != Progress::State::kReplicate && start > peer.match &&
        start <= log_.last().index) {
      peer.BecomeProbe(start.Next());
    }
    return;
  }
  // The heartbeats of that time are not probes.
  if (peer.state == Progress::State::kSnapshot) return;
  // Old news: what was refused then has been accepted since, or is not what is
  // being probed now.
  if (response.match <= peer.match) return;
  if (peer.state == Progress::State::kProbe &&
      response.match != peer.next.Previous()) {
    return;
  }
  const LogIndex limit =
      std::min(response.hint.index, response.match.Previous());
  if (limit < log_.start().index) {
    peer.BecomeSnapshot(log_.start().index);
    return;
  }
  const EntryId shared = log_.LastNotBeyond({response.hint.term, limit});
  peer.BecomeProbe(shared.index.Next());
}

void Raft::AdvanceCommit() {
  const auto& leader = std::get<Leader>(state_);
  const LogIndex reached =
      ReachedByQuorum<LogIndex>(configuration(), [&](NodeId voter) {
        if (voter == id()) return durability_.index();
        for (const Progress& peer : leader.peers) {
          if (peer.id == voter) return peer.match;
        }
        JACO_CHECK_MSG(false, "no progress for voter ", voter.value());
      });
  // Only entries of the own term are committed by counting (figure 3.7); they
  // take all before them along.
  if (reached >= leader.first_of_term) SetCommit(reached);
}

bool Raft::CanDoWithoutUs() const {
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return false;
  const auto written = [&](NodeId voter) {
    for (const Progress& peer : leader->peers) {
      if (peer.id == voter && !peer.silent) return peer.match;
    }
    return LogIndex();
  };
  return ReachedByQuorum<LogIndex>(configuration(), written) >=
         log_.last().index;
}

void Raft::SetCommit(LogIndex index) {
  if (index <= commit_) return;
  JACO_CHECK(index <= log_.last().index);
  commit_ = index;
  if (auto* leader = std::get_if<Leader>(&state_)) {
    for (Progress& peer : leader->peers) TellCommit(peer);
  }
}

// Under load the next entries carry the news; an idle follower is told. One
// that does not answer has heartbeats to learn it from.
void Raft::TellCommit(Progress& peer) {
  if (peer.state != Progress::State::kReplicate) return;
  if (peer.inflights.empty() && peer.commit_sent < commit_) {
    peer.message_due = true;
  }
}

void Raft::SendAppends() {
  for (Progress& peer : std::get<Leader>(state_).peers) SendAppendsTo(peer);
}

bool Raft::MayStreamTo(const Progress& peer) const {
  if (peer.next > log_.last().index) return false;
  if (peer.state == Progress::State::kSnapshot) return false;
  if (peer.state == Progress::State::kProbe) return !peer.probe_sent;
  return peer.inflights.messages() < options_.inflight_messages_max &&
         peer.inflights.bytes() < options_.inflight_bytes_max;
}

void Raft::SendAppendsTo(Progress& peer) {
  while (MayStreamTo(peer) || peer.message_due) SendAppend(peer);
}

void Raft::SendAppend(Progress& peer) {
  AppendEntriesRequest request;
  request.term = hard_state_.term;
  const LogIndex start = log_.start().index;
  if (peer.next <= start && peer.state != Progress::State::kSnapshot) {
    peer.BecomeSnapshot(start);
  }
  // Should the follower have come by the start of our log all the same, its
  // answer to the heartbeat says so.
  const bool heartbeat = peer.state == Progress::State::kSnapshot;
  const LogIndex previous = heartbeat ? start : peer.next.Previous();
  request.previous = {*log_.TermAt(previous), previous};
  request.commit = commit_;
  peer.commit_sent = commit_;
  auto& leader = std::get<Leader>(state_);
  if (TellsOfDeparture(peer)) peer.told_round = ++leader.round;
  request.round = leader.round;
  request.session = peer.session;
  request.transfers_over = leader.transfers_over;
  if (MayNotKnowUs(peer)) request.address = OwnAddress();
  if (MayStreamTo(peer)) {
    log_.CopyTo(&request.entries, peer.next, options_.append_entries_max,
                options_.append_bytes_max);
  }
  peer.message_due = false;
  if (peer.state == Progress::State::kProbe) {
    peer.probe_sent = true;
  } else if (!request.entries.empty()) {
    size_t bytes = 0;
    for (const EntryPtr& entry : request.entries) bytes += entry->data.size();
    peer.next = peer.next + request.entries.size();
    peer.inflights.Add(peer.next.Previous(), bytes);
  }
  Send(peer.id, std::move(request));
}

}  // namespace jaco::raft
