// The consensus core: a pure function of (state, input, now) with one pulled
// output. It knows no clock, thread, socket, file or allocator of its own; the
// same object runs in jacod and in the simulator.
//
// Use:
//   raft.Step(now, from, message);          // any input ...
//   if (raft.HasReady()) {
//     Ready ready = raft.TakeReady();       // ... then act on all of this:
//     // send messages, write `persist`, apply `committed`, answer `reads`,
//     // call OnDeadline at `deadline`, OnPersisted when a write is durable.
//   }
//
// Time: `now` never goes back from call to call, and was read from the clock
// when the input was there: a lease is judged by it. The clock goes on while
// the process or the machine sleeps. Not thread-safe.

#ifndef JACO_RAFT_RAFT_H_
#define JACO_RAFT_RAFT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/raft/configurations.h"
#include "jaco/raft/durability.h"
#include "jaco/raft/log.h"
#include "jaco/raft/message.h"
#include "jaco/raft/progress.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

struct Options {
  NodeId id;
  // A follower that hears nothing for a time drawn from
  // [election_timeout, 2 * election_timeout) starts a pre-vote. A leader that
  // hears from no quorum for election_timeout steps down (CheckQuorum, §6.2),
  // and a follower that heard from a leader within election_timeout refuses
  // (pre-)votes (§4.2.3).
  Duration election_timeout = Milliseconds(1000);
  Duration heartbeat_interval = Milliseconds(100);
  // Limits of one AppendEntries, and of what is in flight to one follower.
  size_t append_entries_max = 1024;
  size_t append_bytes_max = size_t{1} << 20;
  size_t inflight_messages_max = 64;
  size_t inflight_bytes_max = size_t{8} << 20;
  // Entries in a leader's log that are not handed out to be applied: they are
  // not committed, or not durable here. Beyond either limit Propose answers
  // kRateLimited.
  size_t uncommitted_entries_max = 16384;
  size_t uncommitted_bytes_max = size_t{64} << 20;
  // One command; beyond it Propose answers kTooLarge.
  size_t command_bytes_max = size_t{4} << 20;
  // Reads that wait for their index, own and those of followers together;
  // beyond it they are refused with kRateLimited.
  size_t reads_max = 16384;
  // Committed entries in one Ready: these many, and one beyond the bytes.
  size_t committed_entries_max = 4096;
  size_t committed_bytes_max = size_t{4} << 20;
  // Promises leaders not to vote for others for election_timeout after each of
  // their messages, and as a leader answers reads at once as long as a quorum
  // has promised so much (§6.4.1). Servers with and without it may be mixed.
  // Without it a broken connection to the leader starts an election at once.
  // election_timeout may not be lowered while any server has this.
  bool lease_reads = false;
  // How far the rate of any server's clock is off from true time at most, in
  // millionths; below a million. If that is wrong, reads may be stale.
  int64_t clock_drift_ppm_max = 10'000;
  // Up to kPriorityMax. A server of a lower priority waits longer before it
  // stands for election, by up to election_timeout, and hands over to one of a
  // higher priority that has been fit to lead for kFitTimeouts election
  // timeouts.
  uint8_t priority = kPriorityMax;
  // Where others reach this server now, whatever the configuration says; empty:
  // there. Nobody need have heard of it.
  std::string address;
};

// What stable storage and the state machine say after a restart.
struct RestoredState {
  HardState hard_state;
  // The log is `log_start` (compacted away, or {0, 0}) followed by `entries`.
  EntryId log_start;
  Configuration configuration;  // as of log_start; empty for a fresh log
  std::vector<EntryPtr> entries;
  // Known committed and contained in the state machine.
  LogIndex applied;
  // Not 0: the log was damaged and lost entries of terms up to this one that
  // may have been acknowledged; `hard_state` has a later term. The server
  // neither votes nor stands for election until its log holds, durably, an
  // entry of a later term: whoever leads then has all that was committed, and
  // so has a log that matches. docs/decisions/0008-repair.md.
  Term repair_above;
  // Some start before this one had Options::lease_reads: a leader may count on
  // what was promised then. true is always safe.
  bool leases_promised = true;
};

class Raft {
 public:
  // A hand-over for the sake of priorities comes at most so often.
  static constexpr int64_t kFitTimeouts = 10;
  static constexpr int64_t kReadTimeouts = 10;
  // So often a server whose connection to the leader broke stands again soon
  // when nobody is elected.
  static constexpr int kQuickCampaigns = 4;

  // `prng` jitters election timeouts: give every server a different seed.
  Raft(const Options& options, RestoredState restored, Prng prng, Instant now);
  Raft(const Raft&) = default;  // the same state once more
  Raft& operator=(const Raft&) = delete;

  // A message from `from`, whose identity the transport vouches for. Messages
  // of earlier terms, from strangers, repeated, late or out of order do no
  // harm.
  void Step(Instant now, NodeId from, Message message);

  // Appends a command to the log of the leader and returns its id: it is
  // committed exactly if an entry with that id is among `committed`. Errors:
  // no_leader (not the leader), rate_limited, too_large.
  absl::StatusOr<EntryId> Propose(Instant now, std::string command);

  // Begins the change to `target`, whose `outgoing` is empty: any change of
  // voters, learners and addresses at once. A change of voters goes through
  // joint consensus (§4.3), which is left by itself when it is committed.
  // Returns the id of the first configuration entry. Errors: no_leader,
  // conflict (a change is under way, or this leader has committed nothing yet:
  // try again), validation_failed.
  absl::StatusOr<EntryId> ProposeConfiguration(Instant now,
                                               Configuration target);

  // Hands leadership to the voter `target`, which is not about to leave, once
  // it has the whole log (§3.10). Until it took over, or an election timeout
  // has passed without that, Propose answers no_leader, and there is no lease.
  // Errors: no_leader, validation_failed.
  absl::Status TransferLeadership(Instant now, NodeId target);

  // Asks for the index that a linearizable read must wait for (§6.4); followers
  // ask their leader. Answered in Ready.reads, with no_leader when no leader is
  // known or it did not answer within an election timeout, or when this server
  // leads and cannot commit anything for kReadTimeouts of them, with
  // rate_limited when too many wait. `now` is not from before the read was
  // asked for. `id` was never used before, not even before a restart: an answer
  // may arrive that late, and must not be taken for that to another question.
  void RequestRead(Instant now, ReadId id);

  // The connection to `node` was reset or refused. A follower of that node does
  // not wait for its election timeout, unless it promised to (lease_reads):
  // PreVote and CheckQuorum make a false alarm harmless.
  void OnPeerDown(Instant now, NodeId node);

  // Time has reached Ready.deadline. Early or spurious calls do no harm.
  void OnDeadline(Instant now);

  // Every write up to and including `upto` is durable.
  void OnPersisted(Instant now, PersistId upto);

  // There is no room for the oldest write, which is tried again at `next_try`.
  // Whoever leads goes on to, for reads; until OnPersisted this server does not
  // stand for election.
  void OnWriteRefused(Instant now, Instant next_try);

  // The state machine contains everything up to `upto`.
  void OnApplied(Instant now, LogIndex upto);

  // Forgets the entries up to `index`, which is applied: they are not needed to
  // restart from (see storage), and a follower that needs them gets a snapshot.
  // Goes no further than durable(); before the log's start it has no effect.
  void CompactTo(LogIndex index);

  // The configuration that holds as of `index`, in [log().start(), last()].
  const Configuration& ConfigurationAt(LogIndex index) const {
    return configurations_.At(index);
  }

  // The leader's side of a snapshot that Ready asked for: the follower has
  // installed that of `snapshot`; or it did not work, and is asked for again at
  // the next heartbeat. Both are ignored when they come too late to matter.
  void OnSnapshotSent(Instant now, NodeId peer, LogIndex session,
                      EntryId snapshot);
  void OnSnapshotFailed(Instant now, NodeId peer);

  // The follower's side: the state machine has been replaced by the snapshot of
  // `last`, with `configuration` in force there, which is durable. False, and
  // nothing is changed, when it is of no use: everything in it is committed
  // here already, or this server leads. Committed entries up to `last` that
  // were handed out and not applied yet are superseded.
  bool CanInstallSnapshot(const EntryId& last) const;
  bool InstallSnapshot(Instant now, EntryId last, Configuration configuration);

  // False when TakeReady would return nothing to do and the same deadline.
  bool HasReady() const { return dirty_; }
  Ready TakeReady();

  NodeId id() const { return options_.id; }
  Term term() const { return hard_state_.term; }
  Role role() const;
  // See RestoredState::repair_above.
  bool repairing() const { return repair_above_ > Term(); }
  NodeId leader() const { return leader_; }
  LogIndex commit() const { return commit_; }
  LogIndex applied() const { return applied_; }
  EntryId last() const { return log_.last(); }
  const HardState& hard_state() const { return hard_state_; }
  // That of the last snapshot that was installed: applied() may be there before
  // the log is durable up to it.
  LogIndex installed() const { return installed_; }
  // What would be found after a crash now.
  LogIndex durable() const { return durability_.index(); }
  const HardState& durable_hard_state() const {
    return durability_.hard_state();
  }
  const Log& log() const { return log_; }
  const Configuration& configuration() const {
    return configurations_.current();
  }
  LogIndex configuration_index() const { return configurations_.index(); }
  // data_loss, for good: a leader's log lacks what is committed here, as an
  // operator may have brought the cluster back without it (decision 0011). This
  // server has to stop. Otherwise OK.
  const absl::Status& failure() const { return failure_; }
  // The same for states that differ in times, jitter and open reads only, as
  // good as never for others. Server i is called names[i - 1] in it; no names:
  // by its own.
  uint64_t Fingerprint(const std::vector<NodeId>& names = {}) const;
  // Whether this server leads, and a quorum has promised it not to elect anyone
  // else at `now`.
  bool HoldsLease(Instant now) const;
  // What the leader knows of the others; nullptr for other roles.
  const std::vector<Progress>* progress() const;
  // This server leads, and a quorum without it has written all of the log: so
  // they have room for votes as well, and one of them could be elected.
  bool CanDoWithoutUs() const;
  // Who has granted a (pre-)candidate what it asked for; nullptr for others.
  const std::vector<NodeId>* granted() const;
  // A follower's log equals its leader's up to here; 0 for other roles.
  LogIndex matched() const;

 private:
  // `match`, `acknowledged`, `round` and `answer_due` are about the present
  // leader.
  struct Follower {
    LogIndex match;         // our log equals the leader's up to here
    LogIndex acknowledged;  // the durable part of it that it need not be told
    uint64_t round = 0;     // the highest that the leader has sent
    LogIndex session;       // the same
    // The leader is owed an answer, however far the disk has come.
    bool answer_due = false;
    // A granted vote that waits until it is durable.
    std::optional<NodeId> vote_for;
    // Reads that the leader was asked for, each with when to give up.
    std::map<ReadId, Instant> reads;
  };
  struct Candidate {
    bool pre_vote = true;
    uint64_t transfer = 0;  // not 0: on the leader's word, its number
    // The requests have left: our own vote is durable.
    bool asked = false;
    std::vector<NodeId> granted;
    std::vector<NodeId> refused;
  };
  struct Read {
    NodeId from;
    ReadId id;
    Instant expiry;  // of one that waits
  };
  struct ReadRound {
    uint64_t round = 0;
    LogIndex index;
    std::vector<Read> reads;
  };
  struct Transfer {
    NodeId target;
    Instant deadline;
    bool told = false;
    bool tell_due = true;  // once more with every heartbeat: it may be lost
  };
  // Rounds from `round` on were sent at `since` or later.
  struct Beat {
    uint64_t round;
    Instant since;
  };
  // The last that was heard from a leader; outlives roles and terms.
  struct Contact {
    Term term;
    NodeId leader;
    Instant at;
    uint64_t transfers_over = 0;  // the highest in this term
  };
  struct Leader {
    // All members but this server, by id, and those that are leaving.
    std::vector<Progress> peers;
    LogIndex first_of_term;  // the no-op that opened the term
    Instant heartbeat_deadline;
    uint64_t round = 0;  // of the last leadership confirmation that was sent
    std::vector<Read> reads_waiting;         // for the next round, by expiry
    std::vector<ReadRound> reads_in_flight;  // ascending rounds
    size_t uncommitted_bytes = 0;  // of entries that were not handed out
    std::optional<Transfer> transfer;
    uint64_t transfers_over = 0;  // those that were told and given up
    std::deque<Beat> beats;       // ascending; those that may still matter
    LogIndex commit_at_heartbeat;
  };

  // Elections: raft_election.cc.
  void BecomeFollower(Instant now, Term term, NodeId leader);
  void StartPreVote(Instant now);
  void RequestVotes(bool pre_vote, uint64_t transfer);
  void AskWhoLeads(Instant now);
  void StartElection(Instant now, uint64_t transfer);
  void AskForVotes();
  void CountVote(Instant now, NodeId voter, bool granted);
  void BecomeLeader(Instant now);
  void Handle(Instant now, NodeId from, const RequestVoteRequest& request);
  void Handle(Instant now, NodeId from, const RequestVoteResponse& response);
  bool MayGrant(const RequestVoteRequest& request, NodeId candidate) const;
  bool YieldsTo(const RequestVoteRequest& request, NodeId other) const;
  bool HeardFromLeaderLately(Instant now) const;
  bool LeaderGaveUp(Instant now, const RequestVoteRequest& request,
                    NodeId candidate) const;
  bool MayFollowHandOver(Instant now, Term term, uint64_t transfer) const;
  void ResetElectionDeadline(Instant now);
  void SetCampaignDeadline(Instant now);
  Duration Deference(Duration most) const;
  bool CheckQuorum(Instant now);
  Instant QuorumContact(Instant now) const;
  void ReleaseVote();
  void EndRepair();

  // Replication: raft_replication.cc.
  void Handle(Instant now, NodeId from, AppendEntriesRequest& request);
  void Handle(Instant now, NodeId from, const AppendEntriesResponse& response);
  void AppendFromLeader(const AppendEntriesRequest& request);
  void AppendToLog(EntryPtr entry);
  void TruncateLogFrom(LogIndex index);
  void CheckCommitted(const EntryId& id);
  void RejectAppend(NodeId to, const AppendEntriesRequest& request);
  void ReleaseAcknowledgement();
  void OnRejected(Progress& peer, const AppendEntriesResponse& response);
  void AppendOwn(EntryKind kind, std::string data);
  void AdvanceCommit();
  void SetCommit(LogIndex index);
  void TellCommit(Progress& peer);
  void SendAppends();
  void SendAppendsTo(Progress& peer);
  void SendAppend(Progress& peer);
  bool MayStreamTo(const Progress& peer) const;

  // Membership and hand-over: raft_membership.cc.
  absl::Status CheckChange(const Configuration& target) const;
  bool MayCampaign() const;
  std::string OwnAddress() const;
  bool MayNotKnowUs(const Progress& peer) const;
  void SyncPeers(Instant now);
  Progress& AddPeer(Instant now, NodeId node);
  void KeepStranger(Instant now, NodeId node);
  bool TellsOfDeparture(const Progress& peer) const;
  void DropDeparted(Instant now);
  void OnCommitAdvanced(Instant now);
  void LeaveJoint(Instant now);
  void StepAside(Instant now);
  bool StaysVoter(NodeId node) const;
  void TellTransferTarget();
  TimeoutNow TimeoutNowMessage() const;
  void ExpireTransfer(Instant now);
  void PreferHigherPriority(Instant now);
  void Handle(Instant now, NodeId from, const TimeoutNow& request);

  // Leases: raft_lease.cc.
  void NoteContact(Instant now, NodeId leader,
                   const AppendEntriesRequest& request);
  void StartBeat(Instant now);
  Duration Promise() const;
  void NotePromise(Progress& peer, const AppendEntriesResponse& response);
  void EndLease();

  // Snapshots: raft_snapshot.cc.
  void AskForSnapshots(Ready& ready);

  // Reads: raft_read.cc.
  void Handle(Instant now, NodeId from, const ReadIndexRequest& request);
  void Handle(Instant now, NodeId from, const ReadIndexResponse& response);
  void AskLeaderForRead(Instant now, ReadId id);
  void ExpireReads(Instant now);
  void ExpireWaitingReads(Instant now);
  void StartReadRound();
  void FinishReadRounds();
  void AnswerRead(const Read& read, LogIndex index);
  bool AnswerByLease(Instant now, const Read& read);
  size_t OpenReads() const;
  std::vector<Read> TakeReads();
  void RefuseReads(const std::vector<Read>& reads);

  void Send(NodeId to, Message message);
  Progress* FindPeer(NodeId id);
  absl::Status NotLeaderError() const;
  absl::Status TransferError() const;
  Instant NextDeadline() const;
  void Heartbeat(Instant now);
  bool DiskStalled(Instant now) const;
  bool DiskTakesVotes(Instant now) const;
  bool CheckDisk(Instant now);
  LogIndex CommittedHere() const;
  void TakeCommitted(Ready& ready);

  const Options options_;
  Prng prng_;
  HardState hard_state_;
  Log log_;
  Configurations configurations_;
  Durability durability_;
  std::variant<Follower, Candidate, Leader> state_;
  NodeId leader_;
  LogIndex commit_;
  LogIndex handed_out_;  // of the committed entries
  LogIndex applied_;
  LogIndex installed_;
  absl::Status failure_;
  Term repair_above_;  // 0: nothing is missing
  Instant election_deadline_;
  int quick_campaigns_ = 0;  // that are left
  // After a restart the one that may have been right before it.
  std::optional<Contact> contact_;
  // What was promised before the last restart, if anything was, holds until
  // then, and what was known of hand-overs in that term is forgotten.
  Instant forgetful_until_;
  const Term restart_term_;
  Instant now_;  // of the last input

  bool dirty_ = true;
  std::vector<OutgoingMessage> messages_;
  std::vector<ReadResult> read_results_;
  std::optional<RoleChange> reported_;
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_RAFT_H_
