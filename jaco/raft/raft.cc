#include "jaco/raft/raft.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/raft/codec.h"

namespace jaco::raft {

Raft::Raft(const Options& options, RestoredState restored, Prng prng,
           Instant now)
    : options_(options),
      prng_(prng),
      hard_state_(restored.hard_state),
      log_(restored.log_start, {}),
      configurations_(restored.log_start.index,
                      std::move(restored.configuration)),
      durability_(restored.hard_state, restored.entries.empty()
                                           ? restored.log_start.index
                                           : restored.entries.back()->id.index),
      state_(Follower{}),
      commit_(std::max(restored.log_start.index, restored.applied)),
      handed_out_(commit_),
      applied_(commit_),
      repair_above_(restored.repair_above),
      restart_term_(restored.hard_state.term),
      now_(now) {
  JACO_CHECK(options_.id != kNoNode);
  JACO_CHECK(options_.priority <= kPriorityMax);
  // Whoever has no term yet has promised nothing.
  if (restored.leases_promised && hard_state_.term > Term()) {
    contact_ = Contact{.term = hard_state_.term, .at = now};
    forgetful_until_ = now + options_.election_timeout;
  }
  for (EntryPtr& entry : restored.entries) AppendToLog(std::move(entry));
  JACO_CHECK(commit_ <= log_.last().index);
  JACO_CHECK(log_.last().term <= hard_state_.term);
  JACO_CHECK(!repairing() || repair_above_ < hard_state_.term);
  EndRepair();
  ResetElectionDeadline(now);
  // A server that is alone has nobody to wait for.
  if (configuration().voters == std::vector<NodeId>{id()} &&
      !configuration().IsJoint()) {
    election_deadline_ = now;
  }
}

Role Raft::role() const {
  if (std::holds_alternative<Leader>(state_)) return Role::kLeader;
  const auto* candidate = std::get_if<Candidate>(&state_);
  if (candidate == nullptr) return Role::kFollower;
  return candidate->pre_vote ? Role::kPreCandidate : Role::kCandidate;
}

const std::vector<Progress>* Raft::progress() const {
  const auto* leader = std::get_if<Leader>(&state_);
  return leader == nullptr ? nullptr : &leader->peers;
}

const std::vector<NodeId>* Raft::granted() const {
  const auto* candidate = std::get_if<Candidate>(&state_);
  return candidate == nullptr ? nullptr : &candidate->granted;
}

LogIndex Raft::matched() const {
  const auto* follower = std::get_if<Follower>(&state_);
  return follower == nullptr ? LogIndex() : follower->match;
}

void Raft::Step(Instant now, NodeId from, Message message) {
  if (from == id() || from == kNoNode) return;
  dirty_ = true;
  now_ = now;
  std::visit([&](auto& m) { Handle(now, from, m); }, message);
}

absl::StatusOr<EntryId> Raft::Propose(Instant now, std::string command) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return NotLeaderError();
  if (leader->transfer.has_value()) return TransferError();
  if (command.size() > options_.command_bytes_max) {
    return MakeError(
        ErrorCode::kTooLarge,
        absl::StrCat("a command of ", command.size(), " bytes; the limit is ",
                     options_.command_bytes_max));
  }
  if (log_.last().index - handed_out_ >= options_.uncommitted_entries_max ||
      leader->uncommitted_bytes >= options_.uncommitted_bytes_max) {
    return MakeError(ErrorCode::kRateLimited,
                     "too many writes wait to be applied; try again");
  }
  dirty_ = true;
  now_ = now;
  AppendOwn(EntryKind::kCommand, std::move(command));
  return log_.last();
}

void Raft::OnDeadline(Instant now) {
  now_ = now;
  if (std::holds_alternative<Leader>(state_)) {
    if (!CheckQuorum(now) || !CheckDisk(now)) return;
    ExpireTransfer(now);
    ExpireReads(now);
    Heartbeat(now);
    return;
  }
  ExpireReads(now);
  if (now < election_deadline_) return;
  dirty_ = true;
  if (!MayCampaign()) {
    // The leader is gone, or we are for it.
    AskWhoLeads(now);
  } else if (!DiskTakesVotes(now)) {
    ResetElectionDeadline(now);
  } else {
    StartPreVote(now);
  }
}

void Raft::Heartbeat(Instant now) {
  auto& leader = std::get<Leader>(state_);
  if (now < leader.heartbeat_deadline) return;
  dirty_ = true;
  DropDeparted(now);
  PreferHigherPriority(now);
  leader.heartbeat_deadline = now + options_.heartbeat_interval;
  leader.commit_at_heartbeat = commit_;
  if (leader.transfer.has_value()) leader.transfer->tell_due = true;
  if (options_.lease_reads) StartBeat(now);
  for (Progress& peer : leader.peers) {
    peer.message_due = true;
    peer.silent = now - peer.last_contact >= options_.election_timeout;
    if (std::exchange(peer.snapshot_failed, false)) peer.snapshot_due = true;
  }
}

// Something is to be written, and nothing came back for so long.
bool Raft::DiskStalled(Instant now) const {
  const std::optional<Instant> since = durability_.silent_since();
  return since.has_value() && now - *since >= options_.election_timeout;
}

// A candidate needs a vote of its own that is durable. Where no server has
// room, whoever leads has to go on to: nobody could be elected.
bool Raft::DiskTakesVotes(Instant now) const {
  return !DiskStalled(now) && !durability_.refused();
}

// A leader must not outlive its disk: what it proposes is as good as lost if
// the others go down, and nothing else would show. Alone it stays.
bool Raft::CheckDisk(Instant now) {
  const auto& voters = configuration().voters;
  if (!DiskStalled(now) || voters == std::vector<NodeId>{id()}) return true;
  dirty_ = true;
  StepAside(now);
  return false;
}

void Raft::OnPersisted(Instant now, PersistId upto) {
  dirty_ = true;
  now_ = now;
  durability_.OnPersisted(upto, now);
  EndRepair();
  ReleaseVote();
  ReleaseAcknowledgement();
  if (auto* candidate = std::get_if<Candidate>(&state_)) {
    if (!candidate->asked && durability_.hard_state() == hard_state_) {
      AskForVotes();
      CountVote(now, id(), /*granted=*/true);
    }
  }
  if (std::holds_alternative<Leader>(state_)) {
    AdvanceCommit();
    FinishReadRounds();  // the configuration that just left may have hindered
    OnCommitAdvanced(now);
  }
}

void Raft::OnWriteRefused(Instant now, Instant next_try) {
  now_ = now;
  durability_.OnRefused(next_try);
}

void Raft::OnApplied(Instant /*now*/, LogIndex upto) {
  JACO_CHECK(upto >= applied_ && upto <= handed_out_);
  applied_ = upto;
}

Ready Raft::TakeReady() {
  Ready ready;
  if (std::holds_alternative<Leader>(state_)) {
    StartReadRound();
    SendAppends();
    TellTransferTarget();
    AskForSnapshots(ready);
  }
  ready.persist = durability_.TakeWrite(hard_state_, log_, now_);
  TakeCommitted(ready);
  ready.messages = std::exchange(messages_, {});
  ready.reads = std::exchange(read_results_, {});
  const RoleChange now_is{term(), role(), leader_};
  if (reported_ != now_is) {
    reported_ = now_is;
    ready.role_change = now_is;
  }
  ready.deadline = NextDeadline();
  dirty_ = handed_out_ < CommittedHere();
  return ready;
}

// Committed elsewhere but not yet durable here is not applied: a state machine
// must never be ahead of its own log.
LogIndex Raft::CommittedHere() const {
  return std::min(commit_, durability_.index());
}

void Raft::TakeCommitted(Ready& ready) {
  const LogIndex upto = CommittedHere();
  size_t bytes = 0;
  while (handed_out_ < upto && bytes < options_.committed_bytes_max &&
         ready.committed.size() < options_.committed_entries_max) {
    ready.committed.push_back(log_.At(++handed_out_));
    bytes += ready.committed.back()->data.size();
  }
  if (auto* leader = std::get_if<Leader>(&state_)) {
    leader->uncommitted_bytes -= bytes;
  }
}

Instant Raft::NextDeadline() const {
  if (const auto* leader = std::get_if<Leader>(&state_)) {
    // Alone there is nobody to tell and nobody to hear from.
    Instant deadline =
        leader->peers.empty() ? Instant::Never() : leader->heartbeat_deadline;
    if (leader->transfer.has_value()) {
      deadline = std::min(deadline, leader->transfer->deadline);
    }
    if (!leader->reads_waiting.empty()) {
      deadline = std::min(deadline, leader->reads_waiting.front().expiry);
    }
    return deadline;
  }
  const bool waits =
      MayCampaign() || configuration().Contains(id()) || leader_ != kNoNode;
  Instant deadline = waits ? election_deadline_ : Instant::Never();
  if (const auto* follower = std::get_if<Follower>(&state_)) {
    for (const auto& [read, expiry] : follower->reads) {
      deadline = std::min(deadline, expiry);
    }
  }
  return deadline;
}

void Raft::Send(NodeId to, Message message) {
  messages_.push_back({to, std::move(message)});
}

Progress* Raft::FindPeer(NodeId id) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return nullptr;
  const auto it =
      std::find_if(leader->peers.begin(), leader->peers.end(),
                   [&](const Progress& peer) { return peer.id == id; });
  return it == leader->peers.end() ? nullptr : &*it;
}

absl::Status Raft::NotLeaderError() const {
  return MakeError(ErrorCode::kNoLeader,
                   leader_ == kNoNode
                       ? "no leader is known"
                       : absl::StrCat("server ", leader_.value(), " leads"));
}

absl::Status Raft::TransferError() const {
  return MakeError(ErrorCode::kNoLeader,
                   "leadership is being handed over; try again");
}

}  // namespace jaco::raft
