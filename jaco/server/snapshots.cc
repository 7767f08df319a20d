#include "jaco/server/snapshots.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/raft/codec.h"

namespace jaco::server {
namespace {

constexpr absl::string_view kSubsystem = "snapshot";

// The newest snapshot up to `known` that can be read; kNotFound when there is
// none. Those behind it are received ones, which the log need not lead to.
absl::Status ReadNewest(env::FileSystem& fs,
                        const storage::SnapshotStore& store,
                        raft::LogIndex known, raft::EntryId* last,
                        std::string* file) {
  const auto found = store.List(fs);
  if (!found.ok()) return found.status();
  absl::Status status = absl::NotFoundError("there is no snapshot yet");
  for (const raft::EntryId& candidate : *found) {
    if (candidate.index > known) continue;
    absl::StatusOr<std::string> bytes = store.ReadFile(fs, candidate);
    if (bytes.ok()) {
      *last = candidate;
      *file = *std::move(bytes);
      return absl::OkStatus();
    }
    status = bytes.status();
  }
  return status;
}

}  // namespace

Snapshots::Snapshots(const env::Environment& environment,
                     const SnapshotOptions& options,
                     const storage::SnapshotStore& store,
                     std::shared_ptr<storage::RaftLog> log, raft::Raft* raft,
                     const fsm::StateMachine* machine, raft::LogIndex newest,
                     Hooks hooks)
    : env_(environment),
      options_(options),
      store_(store),
      log_(std::move(log)),
      raft_(raft),
      machine_(machine),
      hooks_(std::move(hooks)),
      receiver_(
          environment, store,
          {.send = [this](
                       raft::NodeId to,
                       const raft::SnapshotChunkAck& ack) { Answer(to, ack); },
           .install =
               [this](const storage::Snapshot& snapshot) {
                 if (stopped_) return absl::CancelledError();
                 const absl::Status status = hooks_.install(snapshot);
                 if (status.ok()) {
                   installed_ = std::max(installed_, snapshot.last.index);
                 } else {
                   Discard(snapshot.last);
                 }
                 return status;
               },
           .fail =
               [this](const absl::Status& status) {
                 if (!stopped_) hooks_.fail(status);
               }}),
      rhythm_(options.entries, options.log_bytes),
      newest_(newest) {
  // The others have passed these, too.
  raft::LogIndex index = std::max(newest, raft_->log().start().index);
  while (index < raft_->applied()) {
    index = index.Next();
    rhythm_.Pass(index, raft_->log().At(index)->data.size());
  }
}

void Snapshots::Stop() {
  stopped_ = true;
  receiver_.Stop();
  next_.reset();
  transfers_.clear();
  env_.loop->Cancel(std::exchange(timer_, 0));
}

// ---- Taking one.

void Snapshots::OnApplied(const raft::Entry& entry) {
  if (!rhythm_.Pass(entry.id.index, entry.data.size())) return;
  if (entry.id.index > newest_) Take(entry.id);
}

// The loop only takes a picture of the state; its bytes are made off it.
void Snapshots::Take(const raft::EntryId& last) {
  JACO_CHECK(machine_->applied() == last.index);
  Picture picture{{last, raft_->ConfigurationAt(last.index), ""},
                  machine_->TakeSnapshot()};
  if (taking_) {
    next_ = std::move(picture);
  } else {
    Write(std::move(picture));
  }
}

void Snapshots::Write(Picture picture) {
  taking_ = true;
  const raft::LogIndex index = picture.snapshot.last.index;
  env_.disk->Submit(
      env::Lane::kSnapshot,
      [store = store_,
       picture = std::move(picture)](env::FileSystem& fs) mutable {
        picture.snapshot.state = picture.state();
        return store.Write(fs, picture.snapshot);
      },
      [this, index](const absl::Status& status) { OnTaken(index, status); });
}

void Snapshots::OnTaken(raft::LogIndex index, const absl::Status& status) {
  if (stopped_) return;
  taking_ = false;
  if (absl::IsResourceExhausted(status)) {
    // The log goes on to grow; the next one may fit.
    env_.logger->Write(LogLevel::kWarning, kSubsystem, status.message());
  } else if (!status.ok()) {
    hooks_.fail(status);
    return;
  } else {
    newest_ = std::max(newest_, index);
    Compact();
    Prune();
  }
  if (auto next = std::exchange(next_, std::nullopt);
      next.has_value() && next->snapshot.last.index > newest_) {
    Write(*std::move(next));
  }
}

// Until the log begins behind an installed snapshot on disk, too, a restart
// needs an earlier one.
void Snapshots::OnDurable() {
  if (installed_ <= newest_ || installed_ > raft_->durable()) return;
  newest_ = installed_;
  Prune();
}

// Received in vain. Behind what is committed no snapshot of ours can be.
void Snapshots::Discard(const raft::EntryId& last) {
  if (last.index <= raft_->commit()) return;
  env_.disk->Submit(
      env::Lane::kSnapshot,
      [store = store_, last](env::FileSystem& fs) {
        return store.Remove(fs, last);
      },
      [](const absl::Status&) {});
}

void Snapshots::Prune() {
  env_.disk->Submit(
      env::Lane::kSnapshot,
      [store = store_, known = newest_](env::FileSystem& fs) {
        store.Prune(fs, known);
        return absl::OkStatus();
      },
      [](const absl::Status&) {});
}

// What a restart or a follower may still need stays: the snapshot is durable,
// and the log is kept from a little before it.
void Snapshots::Compact() {
  const raft::LogIndex target = NeededFrom(BeforeTrailing(1));
  const raft::EntryId before = raft_->log().start();
  raft_->CompactTo(std::min(target, raft_->applied()));
  const raft::EntryId start = raft_->log().start();
  // The start of an installed snapshot comes with it.
  const bool again = uncompacted_ && start.index <= raft_->durable();
  if (start == before && !again) return;
  uncompacted_ = false;
  env_.disk->Submit(
      env::Lane::kLog,
      [log = log_,
       begin = raft::LogStart{start, raft_->ConfigurationAt(start.index)}](
          env::FileSystem&) { return log->CompactTo(begin); },
      [this](const absl::Status& status) {
        if (stopped_ || status.ok()) return;
        if (!absl::IsResourceExhausted(status)) return hooks_.fail(status);
        uncompacted_ = true;
      });
}

// What a restart finds may be from before a compaction for which there was no
// room, and without writes there is no snapshot, and no compaction after it.
void Snapshots::MakeRoom() {
  if (!stopped_) Compact();
}

// The last entry that may go when `times` as much stays as the options say.
raft::LogIndex Snapshots::BeforeTrailing(uint64_t times) const {
  const raft::Log& log = raft_->log();
  raft::LogIndex index = std::min(newest_, log.last().index);
  uint64_t bytes = 0;
  for (uint64_t kept = 0; index > log.start().index; ++kept) {
    bytes += log.At(index)->data.size();
    if (kept == options_.trailing_entries * times) break;
    if (bytes > options_.log_bytes * times) break;
    index = index - 1;
  }
  return index;
}

raft::LogIndex Snapshots::NeededFrom(raft::LogIndex target) {
  for (const auto& [to, transfer] : transfers_) {
    // It goes on from there when it has the snapshot.
    if (transfer.sender == nullptr) continue;
    target = std::min(target, transfer.sender->id().last.index);
  }
  if (raft_->progress() == nullptr) return target;
  const raft::LogIndex least = BeforeTrailing(kTrailingForLive);
  const Instant now = env_.clock->Now();
  for (const raft::Progress& peer : *raft_->progress()) {
    if (peer.state == raft::Progress::State::kSnapshot) continue;
    if (now - peer.last_contact < options_.sending.resend_after) {
      target = std::min(target, NeededBy(peer, least));
    } else {
      catching_up_.erase(peer.id);
    }
  }
  return target;
}

// Whoever got a snapshot may be far behind by then: it would need the next one
// at once, and so on for as long as there are writes. It has the log, though
// not if it falls behind all the same.
raft::LogIndex Snapshots::NeededBy(const raft::Progress& peer,
                                   raft::LogIndex least) {
  const auto it = catching_up_.find(peer.id);
  if (it == catching_up_.end()) return std::max(peer.match, least);
  const raft::LogIndex has = std::max(peer.match, it->second.from);
  const uint64_t lag = raft_->log().last().index - has;
  if (has >= least || lag >= it->second.lag) {
    catching_up_.erase(it);
    return std::max(peer.match, least);
  }
  it->second.lag = lag;
  return has;
}

// ---- Frames.

absl::Status Snapshots::OnFrame(raft::NodeId from, absl::string_view frame) {
  absl::StatusOr<raft::SnapshotMessage> message =
      raft::DecodeSnapshotMessage(frame);
  if (!message.ok()) return message.status();
  if (auto* chunk = std::get_if<raft::SnapshotChunk>(&*message)) {
    Handle(from, std::move(*chunk));
  } else {
    Handle(from, std::get<raft::SnapshotChunkAck>(*message));
  }
  return absl::OkStatus();
}

void Snapshots::Answer(raft::NodeId to, const raft::SnapshotChunkAck& ack) {
  if (stopped_) return;
  hooks_.send(to, std::make_shared<const std::string>(
                      raft::EncodeSnapshotMessage(ack)));
}

// ---- The follower's side.

void Snapshots::Handle(raft::NodeId from, raft::SnapshotChunk chunk) {
  // Heartbeats tell of a new leader; its chunks come again.
  if (chunk.term != raft_->term() || from != raft_->leader()) return;
  const auto answer = [&](raft::SnapshotStatus status) {
    Answer(from, {chunk.term, chunk.session, chunk.id, chunk.offset, status});
  };
  if (!raft_->CanInstallSnapshot(chunk.id.last)) {
    return answer(raft::SnapshotStatus::kInstalled);
  }
  // One after the other: while there is no room for the log behind the last,
  // more of them would take what there is.
  if (installed_ > raft_->durable()) {
    return answer(raft::SnapshotStatus::kRefused);
  }
  receiver_.OnChunk(from, std::move(chunk));
}

// ---- The leader's side.

void Snapshots::Send(const std::vector<raft::SnapshotToSend>& wanted) {
  for (const raft::SnapshotToSend& snapshot : wanted) Load(snapshot);
}

// Reading the file is no small thing: not for whoever is not there, and less
// and less often for whoever has no room for it.
bool Snapshots::IsTimeFor(raft::NodeId to) const {
  const auto setback = setbacks_.find(to);
  if (setback != setbacks_.end() && env_.clock->Now() < setback->second.again) {
    return false;
  }
  if (raft_->progress() == nullptr) return false;
  const auto& peers = *raft_->progress();
  const auto peer = std::find_if(peers.begin(), peers.end(),
                                 [&](const auto& p) { return p.id == to; });
  return peer != peers.end() && !peer->silent;
}

void Snapshots::Postpone(raft::NodeId to) {
  const SnapshotSender::Options& sending = options_.sending;
  Setback& setback = setbacks_[to];
  setback.wait = std::min(std::max(setback.wait * 2, sending.resend_after),
                          sending.give_up_after);
  setback.again = env_.clock->Now() + setback.wait;
}

// The file is kept in memory until it has arrived: it is no larger than the
// state, and may be removed from the disk meanwhile.
void Snapshots::Load(const raft::SnapshotToSend& wanted) {
  const auto found = transfers_.find(wanted.to);
  // One is on its way already; should it be too old, that shows in the end.
  if (found != transfers_.end() && found->second.session == wanted.session) {
    return;
  }
  if (!IsTimeFor(wanted.to)) {
    // The core asks again with the next heartbeat.
    if (found != transfers_.end()) transfers_.erase(found);
    raft_->OnSnapshotFailed(env_.clock->Now(), wanted.to);
    return;
  }
  transfers_[wanted.to] = {wanted.session, nullptr};
  catching_up_.erase(wanted.to);
  auto last = std::make_shared<raft::EntryId>();
  auto file = std::make_shared<std::string>();
  env_.disk->Submit(
      env::Lane::kSnapshot,
      [store = store_, known = newest_, last, file](env::FileSystem& fs) {
        return ReadNewest(fs, store, known, last.get(), file.get());
      },
      [this, wanted, term = raft_->term(), last,
       file](const absl::Status& status) {
        OnLoaded(wanted, term, *last, file, status);
      });
}

void Snapshots::OnLoaded(const raft::SnapshotToSend& wanted, raft::Term term,
                         const raft::EntryId& last,
                         std::shared_ptr<const std::string> file,
                         const absl::Status& status) {
  if (stopped_) return;
  const auto it = transfers_.find(wanted.to);
  if (it == transfers_.end() || term != raft_->term()) return;
  if (it->second.session != wanted.session) return;  // there is another by now
  if (!status.ok() || last.index < raft_->log().start().index) {
    // A damaged or missing one is made up for by a new one.
    if (!status.ok()) {
      env_.logger->Write(LogLevel::kError, kSubsystem, status.message());
    }
    transfers_.erase(it);
    Postpone(wanted.to);
    const raft::LogIndex applied = raft_->applied();
    if (!taking_) Take({*raft_->log().TermAt(applied), applied});
    raft_->OnSnapshotFailed(env_.clock->Now(), wanted.to);
    return;
  }
  const raft::SnapshotId id = storage::SnapshotStore::IdOf(last, *file);
  it->second.sender =
      std::make_unique<SnapshotSender>(options_.sending, term, wanted.session,
                                       id, std::move(file), env_.clock->Now());
  env_.logger->Write(
      LogLevel::kInfo, kSubsystem,
      absl::StrCat("sending that of index ", last.index.value(), ", ", id.size,
                   " bytes, to server ", wanted.to.value()));
  Advance(wanted.to);
}

void Snapshots::Handle(raft::NodeId from, const raft::SnapshotChunkAck& ack) {
  const auto it = transfers_.find(from);
  if (it == transfers_.end() || it->second.sender == nullptr) return;
  it->second.sender->OnAck(env_.clock->Now(), ack);
  Advance(from);
}

// Sends what is due, and tells the core how it ended.
void Snapshots::Advance(raft::NodeId to) {
  const auto it = transfers_.find(to);
  SnapshotSender& sender = *it->second.sender;
  for (raft::SnapshotChunk& chunk : sender.TakeChunks()) {
    hooks_.send(to, std::make_shared<const std::string>(
                        raft::EncodeSnapshotMessage(std::move(chunk))));
  }
  const Instant now = env_.clock->Now();
  switch (sender.state()) {
    case SnapshotSender::State::kSending:
      ArmTimer();
      return;
    case SnapshotSender::State::kInstalled:
      setbacks_.erase(to);
      catching_up_[to] = {.from = sender.id().last.index};
      raft_->OnSnapshotSent(now, to, sender.session(), sender.id().last);
      break;
    case SnapshotSender::State::kRefused:
      Postpone(to);
      raft_->OnSnapshotFailed(now, to);
      break;
    case SnapshotSender::State::kFailed:
      raft_->OnSnapshotFailed(now, to);
      break;
  }
  transfers_.erase(it);
  hooks_.pump();
}

void Snapshots::OnRoleChange() {
  if (raft_->role() == raft::Role::kLeader) return;
  transfers_.clear();
  setbacks_.clear();
  catching_up_.clear();
}

void Snapshots::ArmTimer() {
  if (timer_ != 0) return;
  timer_ =
      env_.loop->After(options_.sending.resend_after, [this] { OnTimer(); });
}

void Snapshots::OnTimer() {
  timer_ = 0;
  std::vector<raft::NodeId> sending;
  for (const auto& [to, transfer] : transfers_) {
    if (transfer.sender != nullptr) sending.push_back(to);
  }
  for (const raft::NodeId to : sending) {
    // Telling the core of one may end them all.
    const auto it = transfers_.find(to);
    if (it == transfers_.end() || it->second.sender == nullptr) continue;
    it->second.sender->OnTime(env_.clock->Now());
    Advance(to);
  }
}

}  // namespace jaco::server
