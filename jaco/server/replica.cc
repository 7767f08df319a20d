#include "jaco/server/replica.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/describe.h"
#include "jaco/server/removal_notice.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "raft";

// One job of the log lane writes so much, or one write that is longer. What is
// queued while a disk is slow would else be one long write, and look like a
// disk that hangs.
constexpr size_t kWriteBytesMax = size_t{4} << 20;

size_t BytesOf(const raft::Persist& write) {
  size_t bytes = 0;
  for (const raft::EntryPtr& entry : write.entries) bytes += entry->data.size();
  return bytes;
}

// Where the sender is answered; empty when the message does not say.
absl::string_view AddressIn(const raft::Message& message) {
  if (const auto* vote = std::get_if<raft::RequestVoteRequest>(&message)) {
    return vote->address;
  }
  if (const auto* append = std::get_if<raft::AppendEntriesRequest>(&message)) {
    return append->address;
  }
  return {};
}

}  // namespace

Replica::Replica(const env::Environment& environment, Parts parts)
    : env_(environment),
      bad_frames_(environment.logger, LogLevel::kWarning, kSubsystem),
      raft_(parts.options, std::move(parts.restored), Prng(parts.seed),
            environment.clock->Now()),
      machine_(parts.machine),
      log_(std::move(parts.log)),
      store_(std::move(parts.store)),
      reopen_store_(std::move(parts.reopen_store)),
      failed_(std::move(parts.failed)),
      role_changed_(std::move(parts.role_changed)),
      may_go_on_(std::move(parts.may_go_on)),
      applied_(std::move(parts.applied)),
      serve_(std::move(parts.serve)),
      removed_(std::move(parts.removed)),
      snapshots_(environment, parts.snapshot_options, parts.snapshots, log_,
                 &raft_, machine_, parts.newest_snapshot, SnapshotHooks()),
      forwarder_(environment, parts.seed, kProposeTimeout, ForwarderHooks()),
      stored_(parts.stored),
      flushed_(parts.stored),
      // Answers to reads of an earlier run may still be under way.
      next_read_(parts.seed) {
  // What lies between would be applied by nobody.
  JACO_CHECK(machine_->applied() == raft_.applied());
}

Replica::~Replica() {
  if (!stopped_) env_.network->Bind(nullptr);
  CancelTimers();
}

void Replica::CancelTimers() {
  for (env::TimerId timer :
       {timer_, expiry_timer_, retry_timer_, read_timer_, store_timer_}) {
    env_.loop->Cancel(timer);
  }
}

void Replica::Start() {
  env_.network->Bind(this);
  CollectEdits();
  Pump();
}

void Replica::SetAddresses(const Addresses& addresses) {
  for (const auto& [id, address] : addresses) {
    addresses_[id] = {id.value(), address};
  }
}

void Replica::Pump() {
  if (pumping_) return;  // the loop below comes round to it
  if (!raft_.failure().ok()) return Fail(raft_.failure());
  pumping_ = true;
  while (!stopped_ && raft_.HasReady()) {
    raft::Ready ready = raft_.TakeReady();
    const bool more = raft_.HasReady();
    SendMessages(ready.messages);
    if (ready.persist.has_value()) {
      writes_.push_back(*std::move(ready.persist));
      SubmitWrites();
    }
    ArmTimer(ready.deadline);
    ApplyCommitted(ready.committed);
    if (stopped_) break;
    AnswerReads(std::move(ready.reads));
    snapshots_.Send(ready.snapshots_to_send);
    if (ready.role_change.has_value()) {
      if (env_.logger->Enabled(LogLevel::kInfo)) {
        env_.logger->Write(
            LogLevel::kInfo, kSubsystem,
            absl::StrCat("term ", ready.role_change->term.value(), ": ",
                         raft::RoleName(ready.role_change->role), ", leader ",
                         ready.role_change->leader.value()));
      }
      snapshots_.OnRoleChange();
      if (ready.role_change->leader != raft::kNoNode) {
        forwarder_.OnLeader(ready.role_change->term);
      }
      role_changed_(*ready.role_change);
    }
    if (more) {
      // There is much to apply: others get their turn in between.
      SchedulePump();
      break;
    }
  }
  pumping_ = false;
}

// ---- The network.

void Replica::SendMessages(const std::vector<raft::OutgoingMessage>& messages) {
  const raft::Message* encoded = nullptr;
  env::FramePtr frame;
  for (const raft::OutgoingMessage& outgoing : messages) {
    const env::PeerAddress* address = AddressOf(outgoing.to);
    if (address == nullptr) continue;
    // Followers mostly get the same frame; it is then encoded once.
    if (encoded == nullptr || *encoded != outgoing.message) {
      frame = std::make_shared<const std::string>(
          raft::EncodeMessage(outgoing.message));
      encoded = &outgoing.message;
    }
    env_.network->Send(*address, frame);
  }
}

const env::PeerAddress* Replica::AddressOf(raft::NodeId node) {
  // The id and not the index alone: a new leader may replace the entry.
  const raft::LogIndex index = raft_.configuration_index();
  const raft::EntryId in_force{raft_.log().TermAt(index).value_or(raft::Term()),
                               index};
  if (addresses_of_ != in_force) {
    // Those who left stay: they are yet to be told.
    SetAddresses(raft_.configuration().addresses);
    addresses_of_ = in_force;
  }
  const auto it = addresses_.find(node);
  return it == addresses_.end() ? nullptr : &it->second;
}

void Replica::OnFrame(env::PeerId from, absl::string_view frame) {
  const raft::NodeId sender(from);
  absl::Status status;
  if (raft::IsSnapshotFrame(frame)) {
    status = snapshots_.OnFrame(sender, frame);
  } else if (IsForwardFrame(frame)) {
    status = forwarder_.OnFrame(sender, frame);
  } else if (IsRemovalNotice(frame)) {
    status = DecodeRemovalNotice(frame);
    if (status.ok()) OnNotice(sender);
  } else {
    status = OnRaftFrame(sender, frame);
  }
  if (status.ok()) return;
  bad_frames_.Write(
      env_.clock->Now(), absl::StrCat(from),
      absl::StrCat("a bad frame from server ", from, ": ", status.message()));
}

absl::Status Replica::OnRaftFrame(raft::NodeId from, absl::string_view frame) {
  absl::StatusOr<raft::Message> message = raft::DecodeMessage(frame);
  if (!message.ok()) return message.status();
  if (const absl::string_view address = AddressIn(*message); !address.empty()) {
    SetAddresses({{from, std::string(address)}});
  }
  raft_.Step(env_.clock->Now(), from, *std::move(message));
  Pump();
  return absl::OkStatus();
}

void Replica::OnPeerDown(env::PeerId peer) {
  raft_.OnPeerDown(env_.clock->Now(), raft::NodeId(peer));
  Pump();
  forwarder_.OnPeerDown(raft::NodeId(peer));
}

// ---- The log lane: what is queued goes in one write and one sync.

Replica::Batch Replica::TakeBatch() {
  size_t bytes = 0;
  auto end = writes_.begin();
  while (end != writes_.end()) {
    bytes += BytesOf(*end);
    if (bytes > kWriteBytesMax && end != writes_.begin()) break;
    ++end;
  }
  Batch batch(std::make_move_iterator(writes_.begin()),
              std::make_move_iterator(end));
  writes_.erase(writes_.begin(), end);
  return batch;
}

void Replica::SubmitWrites() {
  if (writing_ || writes_.empty()) return;
  writing_ = true;
  auto batch = std::make_shared<Batch>(TakeBatch());
  env_.disk->Submit(
      env::Lane::kLog,
      [log = log_, batch](env::FileSystem&) { return log->Write(*batch); },
      [this, batch](absl::Status status) { OnWritten(*batch, status); });
}

void Replica::OnWritten(Batch& batch, const absl::Status& status) {
  if (stopped_) return;
  if (absl::IsResourceExhausted(status)) return OnDiskFull(batch, status);
  if (!status.ok()) {
    Fail(status);
    return;
  }
  writing_ = false;
  if (std::exchange(disk_full_, false)) {
    handed_to_.clear();
    env_.logger->Write(LogLevel::kInfo, kSubsystem,
                       "there is room for the Raft log again");
  }
  const bool repairing = raft_.repairing();
  raft_.OnPersisted(env_.clock->Now(), batch.back().id);
  snapshots_.OnDurable();
  if (repairing && !raft_.repairing()) {
    env_.logger->Write(LogLevel::kInfo, kSubsystem,
                       "the Raft log is repaired; this server votes again");
  }
  SubmitWrites();
  SubmitEdits();
  Pump();
}

// Nothing of it was written: the same writes go first when there is room.
void Replica::OnDiskFull(Batch& batch, const absl::Status& status) {
  if (!std::exchange(disk_full_, true)) {
    env_.logger->Write(
        LogLevel::kError, kSubsystem,
        absl::StrCat(status.message(), "; writes wait until there is room"));
  }
  raft_.OnWriteRefused(env_.clock->Now(), env_.clock->Now() + kDiskFullRetry);
  writes_.insert(writes_.begin(), std::make_move_iterator(batch.begin()),
                 std::make_move_iterator(batch.end()));
  // `writing_` stays: nothing else goes out before the next try.
  retry_timer_ = env_.loop->After(kDiskFullRetry, [this] {
    retry_timer_ = 0;
    writing_ = false;
    SubmitWrites();
  });
  snapshots_.MakeRoom();
  if (raft_.role() == raft::Role::kLeader) HandOver();
  // They wait for room, or for what the next leader makes of them.
  EndProposals(std::exchange(proposals_, {}));
}

// To the voter that has most of the log and was not asked before: it may have
// room. Its election needs nothing that we would have to write.
void Replica::HandOver() {
  // Where nobody can be elected nobody serves reads.
  if (!raft_.CanDoWithoutUs()) return;
  const raft::Configuration& voters = raft_.configuration();
  const raft::Progress* best = nullptr;
  bool any = false;
  for (const raft::Progress& peer : *raft_.progress()) {
    if (!voters.IsVoter(peer.id) || peer.departing || peer.silent) continue;
    any = true;
    if (handed_to_.contains(peer.id)) continue;
    if (best == nullptr || peer.match > best->match) best = &peer;
  }
  if (best == nullptr) {
    if (any) handed_to_.clear();  // round again
    return;
  }
  const raft::NodeId target = best->id;
  if (!TransferLeadership(target).ok()) return;
  handed_to_.insert(target);
  env_.logger->Write(LogLevel::kWarning, kSubsystem,
                     absl::StrCat("leadership goes to server ", target.value(),
                                  ", which may have room"));
}

// ---- The state machine and its store.

void Replica::ApplyCommitted(const std::vector<raft::EntryPtr>& entries) {
  if (entries.empty()) return;
  for (const raft::EntryPtr& entry : entries) {
    // What was applied last may have changed what the next one means.
    if (!ApplyEntry(*entry) || !MayGoOn()) return;
    snapshots_.OnApplied(*entry);
  }
  raft_.OnApplied(env_.clock->Now(), entries.back()->id.index);
  CollectEdits();
  applied_();
  FinishReads();
  // What they wait for goes to members only.
  if (absl::Status status = CheckMembership(); !status.ok()) EndReads(status);
}

absl::Status Replica::CheckMembership() const {
  const raft::Configuration& committed = raft_.ConfigurationAt(raft_.commit());
  // What is not committed yet may not come, but may also make it a member.
  const bool outside = !committed.voters.empty() &&
                       !committed.Contains(raft_.id()) &&
                       !raft_.configuration().Contains(raft_.id());
  if (!outside && !dismissed_) return absl::OkStatus();
  return MakeError(ErrorCode::kNotAMember,
                   "this server is not a member of the cluster");
}

bool Replica::ApplyEntry(const raft::Entry& entry) {
  fsm::ApplyResult result;
  if (entry.kind == raft::EntryKind::kCommand) {
    absl::StatusOr<fsm::ApplyResult> applied =
        machine_->Apply(entry.id.index, entry.data);
    if (!applied.ok()) {
      // To go on without knowing what it does would be to diverge.
      Fail(applied.status());
      return false;
    }
    result = *std::move(applied);
  } else {
    machine_->AdvanceTo(entry.id.index);
  }
  const auto it = proposals_.find(entry.id.index);
  if (it == proposals_.end()) return true;
  Waiting waiting = std::move(it->second);
  proposals_.erase(it);
  if (waiting.term == entry.id.term) {
    waiting.done(Applied{entry.id.index, std::move(result)});
  } else {
    waiting.done(MakeError(ErrorCode::kNoLeader,
                           "the write was lost in a change of leaders"));
  }
  return true;
}

// Nothing of a batch that is not understood to its end gets to the store.
bool Replica::MayGoOn() {
  const absl::Status status = may_go_on_();
  if (!status.ok()) Fail(status);
  return status.ok();
}

// ---- Requests of other servers.

Forwarder::Hooks Replica::ForwarderHooks() {
  return {.send =
              [this](raft::NodeId to, env::FramePtr frame) {
                const env::PeerAddress* address = AddressOf(to);
                if (address != nullptr) env_.network->Send(*address, frame);
              },
          .leadership =
              [this] {
                return raft_.role() == raft::Role::kLeader ? raft_.term()
                                                           : raft::Term();
              },
          .propose =
              [this](std::string command, ProposeDone done) {
                ProposeHere(std::move(command), std::move(done));
              },
          .serve =
              [this](std::string call, ProposeDone done) {
                serve_(std::move(call), std::move(done));
              },
          .is_member =
              [this](raft::NodeId node) {
                return raft_.configuration().Contains(node);
              },
          .learn =
              [this](raft::NodeId from, const ForwardAddress& said) {
                LearnAddress(from, said);
              }};
}

// The leader may have moved, too: then neither of the two knows the other's.
void Replica::LearnAddress(raft::NodeId from, const ForwardAddress& said) {
  const raft::Configuration& members = raft_.configuration();
  if (!members.Contains(from) || !members.Contains(said.node) ||
      !fsm::ValidateAddress(said.address).ok()) {
    return;
  }
  SetAddresses({{said.node, said.address}});
  const raft::NodeId leader = raft_.leader();
  if (said.node != from || leader == raft_.id() || leader == from) return;
  const env::PeerAddress* to = AddressOf(leader);
  if (to == nullptr) return;
  env_.network->Send(*to,
                     std::make_shared<const std::string>(EncodeForward(said)));
}

void Replica::SayAddress(const std::string& address) {
  const auto frame = std::make_shared<const std::string>(
      EncodeForward(ForwardAddress{raft_.id(), address}));
  for (const raft::NodeId member : raft_.configuration().Members()) {
    const env::PeerAddress* to = AddressOf(member);
    if (member == raft_.id() || to == nullptr) continue;
    env_.network->Send(*to, frame);
  }
}

// ---- Time.

// A deadline mostly moves away (every heartbeat does that), so the timer stays
// where it is and looks again when it fires.
void Replica::ArmTimer(Instant deadline) {
  deadline_ = deadline;
  if (deadline >= timer_at_) return;
  env_.loop->Cancel(timer_);
  timer_at_ = deadline;
  timer_ =
      env_.loop->After(deadline - env_.clock->Now(), [this] { OnTimer(); });
}

void Replica::OnTimer() {
  timer_at_ = Instant::Never();
  timer_ = 0;
  const Instant now = env_.clock->Now();
  if (now >= deadline_) raft_.OnDeadline(now);
  Pump();
  ArmTimer(deadline_);  // for the early look, which Pump does not arm again
}

void Replica::Fail(const absl::Status& status) {
  if (stopped_) return;
  stopped_ = true;
  snapshots_.Stop();
  forwarder_.Stop();
  env_.network->Bind(nullptr);
  CancelTimers();
  env_.loop->Post([failed = std::move(failed_), status]() mutable {
    failed(std::move(status));
  });
}

}  // namespace jaco::server
