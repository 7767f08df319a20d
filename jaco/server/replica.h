// The driver: feeds the consensus core, and does what its Ready asks for.
//
// Every input makes one call on Raft and then Pump(). Order does not matter in
// Pump: the core releases a message only when what it promises is durable.

#ifndef JACO_SERVER_REPLICA_H_
#define JACO_SERVER_REPLICA_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/environment.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/net/sansio/counted_log.h"
#include "jaco/raft/raft.h"
#include "jaco/server/forwarder.h"
#include "jaco/server/snapshots.h"
#include "jaco/storage/raft_log.h"
#include "jaco/storage/snapshot_store.h"
#include "jaco/storage/state_store.h"

namespace jaco::server {

class Replica final : public env::FrameReceiver {
 public:
  using ReadDone = absl::AnyInvocable<void(absl::Status)>;

  using Addresses = std::vector<std::pair<raft::NodeId, std::string>>;

  // A job of the apply lane; the errors of storage::OpenRocksDbStateStore.
  using StoreOpener =
      std::function<absl::StatusOr<std::unique_ptr<storage::StateStore>>(
          env::FileSystem&)>;

  struct Parts {
    raft::Options options;
    raft::RestoredState restored;
    uint64_t seed = 0;                     // another at each start
    fsm::StateMachine* machine = nullptr;  // at restored.applied
    std::shared_ptr<storage::RaftLog> log;
    std::shared_ptr<storage::StateStore> store;  // null: memory only
    // Opens `store` once more, after it was closed; null without a store.
    StoreOpener reopen_store;
    raft::LogIndex stored;  // what `store` holds: machine's edits come on top
    storage::SnapshotStore snapshots;
    raft::LogIndex newest_snapshot;  // in it; 0: none
    SnapshotOptions snapshot_options;
    // Runs once when the replica has to stop; no callback runs after it.
    absl::AnyInvocable<void(absl::Status)> failed;
    // Runs after every change of role, term or leader.
    absl::AnyInvocable<void(const raft::RoleChange&)> role_changed;
    // Asked after each entry and each snapshot: an error when this build may
    // not know what the next entry does. The replica then stops with it.
    std::function<absl::Status()> may_go_on;
    // Runs whenever the state machine has moved on.
    absl::AnyInvocable<void()> applied;
    // Answers a call while this server leads; see Ask.
    absl::AnyInvocable<void(std::string, ProposeDone)> serve;
    // Where a server is that was removed for good; nullopt for others.
    std::function<std::optional<std::string>(raft::NodeId)> removed;
  };

  // A proposal that is not decided after this long fails with `timeout`; it may
  // still take effect.
  static constexpr Duration kProposeTimeout = Seconds(10);
  static constexpr Duration kReadTimeout = Seconds(10);
  // How long to wait for room before a write that did not fit is tried again.
  static constexpr Duration kDiskFullRetry = Milliseconds(500);
  // Servers that were removed and do not know are told so at most this often.
  static constexpr Duration kNoticeEvery = Milliseconds(100);

  Replica(const env::Environment& environment, Parts parts);
  ~Replica() override;

  // Binds to the network and takes up the protocol.
  void Start();

  // Takes `command` to the leader if that is another server. `done` gets the
  // verdict of the state machine, or an error: no_leader, rate_limited,
  // too_large: nothing was proposed; timeout: the outcome is not known;
  // disk_full: one or the other, as its message says. Never runs `done` before
  // it returns.
  void Propose(std::string command, ProposeDone done);

  // Takes `call` to the leader, perhaps this server, which answers through
  // Parts::serve; the index of the answer is 0. no_leader; rate_limited;
  // timeout: it is not known what came of it. Never runs `done` before it
  // returns.
  void Ask(std::string call, ProposeDone done);

  // Tells all members that this server is reached at `address`.
  void SayAddress(const std::string& address);

  // See Raft::ProposeConfiguration; `done` runs when its entry is committed, or
  // with the errors of Propose. The change may then still be on its way out of
  // joint consensus.
  void ChangeConfiguration(raft::Configuration target, ReadDone done);
  // See Raft::TransferLeadership.
  absl::Status TransferLeadership(raft::NodeId target);

  // `done` runs when the state machine contains everything that was committed
  // before this call (§6.4); rate_limited when too many reads wait; no_leader
  // when that cannot be told here, or when
  // what was committed does not get here in kReadTimeout: a server that was
  // removed meanwhile waits in vain.
  void Read(ReadDone done);

  // Not those that were removed for good, unless this server is about to tell
  // them; they get a notice.
  bool Admits(env::PeerId from) override;
  void OnFrame(env::PeerId from, absl::string_view frame) override;
  void OnPeerDown(env::PeerId peer) override;

  const raft::Raft& raft() const { return raft_; }
  // not_a_member when the committed configuration is without this server: it
  // left, or has yet to learn that it joined.
  absl::Status CheckMembership() const;
  // A member has told that this server was removed, whatever its log says.
  bool dismissed() const { return dismissed_; }
  // `member`, who knows, says that.
  void Dismiss(absl::string_view member);

  // Takes no further part: everything that waits is answered, no callback runs
  // any more, and the store is closed when the apply lane gets there. The
  // object has to live on: jobs may be under way.
  void Retire();

 private:
  using Batch = std::vector<raft::Persist>;
  struct Waiting {
    raft::Term term;
    Instant deadline;
    ProposeDone done;
  };

  void ProposeHere(std::string command, ProposeDone done);
  // Puts it into the log.
  absl::StatusOr<raft::EntryId> Enter(std::string command);
  void Await(const raft::EntryId& id, ProposeDone done);
  void Pump();
  void SchedulePump();
  void CancelTimers();
  absl::Status OnRaftFrame(raft::NodeId from, absl::string_view frame);
  void SetAddresses(const Addresses& addresses);
  void LearnAddress(raft::NodeId from, const ForwardAddress& said);
  void SendMessages(const std::vector<raft::OutgoingMessage>& messages);
  const env::PeerAddress* AddressOf(raft::NodeId node);
  Batch TakeBatch();
  void SubmitWrites();
  void OnWritten(Batch& batch, const absl::Status& status);
  void OnDiskFull(Batch& batch, const absl::Status& status);
  void HandOver();
  void ApplyCommitted(const std::vector<raft::EntryPtr>& entries);
  bool ApplyEntry(const raft::Entry& entry);
  bool MayGoOn();
  void AnswerReads(std::vector<raft::ReadResult> results);
  void FinishReads();
  void ArmReadTimer();
  void ExpireReads();
  void EndReads(const absl::Status& status);
  void ArmTimer(Instant deadline);
  void OnTimer();
  void ArmExpiry();
  void ExpireProposals();
  void EndProposals(std::map<raft::LogIndex, Waiting> proposals);
  void Notify(raft::NodeId node, const std::string& address);
  void OnNotice(raft::NodeId from);
  void Fail(const absl::Status& status);
  Forwarder::Hooks ForwarderHooks();

  // replica_store.cc.
  void CollectEdits();
  bool MayStore() const;
  void SubmitEdits();
  void OnEditsStored(const absl::Status& status);
  void AwaitRoomForStore();
  void ReopenStore();
  void OnStoreReopened(std::shared_ptr<storage::StateStore> store,
                       raft::LogIndex applied, const absl::Status& status);

  // replica_snapshot.cc.
  Snapshots::Hooks SnapshotHooks();
  absl::Status InstallSnapshot(const storage::Snapshot& snapshot);
  void FailProposalsUpTo(raft::LogIndex index);

  const env::Environment env_;
  net::CountedLog bad_frames_;
  raft::Raft raft_;
  fsm::StateMachine* const machine_;
  const std::shared_ptr<storage::RaftLog> log_;
  std::shared_ptr<storage::StateStore> store_;
  std::shared_ptr<storage::StateStore> failed_store_;  // to be closed
  const StoreOpener reopen_store_;
  absl::AnyInvocable<void(absl::Status)> failed_;
  absl::AnyInvocable<void(const raft::RoleChange&)> role_changed_;
  const std::function<absl::Status()> may_go_on_;
  absl::AnyInvocable<void()> applied_;
  absl::AnyInvocable<void(std::string, ProposeDone)> serve_;
  const std::function<std::optional<std::string>(raft::NodeId)> removed_;

  Snapshots snapshots_;
  Forwarder forwarder_;

  bool pumping_ = false;
  bool pump_posted_ = false;
  bool stopped_ = false;
  bool dismissed_ = false;
  Instant noticed_;  // when the last notice left

  Batch writes_;  // not yet submitted
  bool writing_ = false;
  bool disk_full_ = false;
  std::set<raft::NodeId> handed_to_;  // since it is full
  env::TimerId retry_timer_ = 0;

  using Rows = std::map<std::string, std::optional<std::string>>;
  std::vector<storage::RowChange> edits_;  // not yet submitted
  // What a store that is opened anew may lack: changes since the last flush,
  // and those that are being flushed.
  Rows unflushed_;
  Rows flushing_;
  bool storing_ = false;
  env::TimerId store_timer_ = 0;  // while there is no room
  raft::LogIndex stored_;         // submitted up to here
  raft::LogIndex flushed_;        // submitted to be durable up to here

  std::map<raft::LogIndex, Waiting> proposals_;
  env::TimerId expiry_timer_ = 0;

  raft::ReadId next_read_;
  std::map<raft::ReadId, ReadDone> reads_;
  struct ConfirmedRead {
    Instant deadline;
    ReadDone done;
  };
  std::multimap<raft::LogIndex, ConfirmedRead> confirmed_reads_;
  env::TimerId read_timer_ = 0;

  Instant deadline_ = Instant::Never();
  Instant timer_at_ = Instant::Never();
  env::TimerId timer_ = 0;

  std::optional<raft::EntryId> addresses_of_;  // what was last read into:
  std::map<raft::NodeId, env::PeerAddress> addresses_;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_REPLICA_H_
