// What is asked of a replica: proposals and reads, from when they come in to
// when they are answered.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/server/post_error.h"
#include "jaco/server/replica.h"

namespace jaco::server {
namespace {

// Reads that know their index, and wait for the state machine to get there.
constexpr size_t kConfirmedReadsMax = 16384;

absl::Status UndecidedError() {
  return MakeError(
      ErrorCode::kTimeout,
      "the write was not decided in time; it may take effect later");
}

absl::Status DiskFullError(absl::string_view what) {
  return MakeError(ErrorCode::kDiskFull,
                   absl::StrCat("the disk under the Raft log is full; ", what));
}

}  // namespace

// ---- Proposals.

void Replica::Propose(std::string command, ProposeDone done) {
  const raft::NodeId leader = raft_.leader();
  if (leader == raft::kNoNode || leader == raft_.id()) {
    return ProposeHere(std::move(command), std::move(done));
  }
  forwarder_.Forward(leader, raft_.term(), std::move(command), std::move(done));
}

void Replica::Ask(std::string call, ProposeDone done) {
  const raft::NodeId leader = raft_.leader();
  if (leader == raft::kNoNode) {
    return PostError(*env_.loop,
                     MakeError(ErrorCode::kNoLeader, "there is nobody to ask"),
                     std::move(done));
  }
  if (leader != raft_.id()) {
    return forwarder_.ForwardCall(leader, raft_.term(), std::move(call),
                                  std::move(done));
  }
  env_.loop->Post(
      [this, call = std::move(call), done = std::move(done)]() mutable {
        serve_(std::move(call), std::move(done));
      });
}

void Replica::ProposeHere(std::string command, ProposeDone done) {
  absl::StatusOr<raft::EntryId> id = Enter(std::move(command));
  if (!id.ok()) {
    return PostError(*env_.loop, id.status(), std::move(done));
  }
  Await(*id, std::move(done));
}

absl::StatusOr<raft::EntryId> Replica::Enter(std::string command) {
  if (raft_.role() == raft::Role::kLeader) {
    if (disk_full_) {
      return DiskFullError("nothing is written until there is room");
    }
    auto prepared =
        machine_->Prepare(command, absl::ToUnixMillis(env_.clock->WallNow()));
    if (!prepared.ok()) return prepared.status();
    command = *std::move(prepared);
  }
  return raft_.Propose(env_.clock->Now(), std::move(command));
}

// `done` runs when what is at `id` is decided.
void Replica::Await(const raft::EntryId& id, ProposeDone done) {
  // An entry of an earlier leadership of ours waits at the same index: it is
  // gone from this log, but another server may still hold and commit it.
  if (const auto it = proposals_.find(id.index); it != proposals_.end()) {
    PostError(*env_.loop, UndecidedError(), std::move(it->second.done));
    proposals_.erase(it);
  }
  proposals_[id.index] = {id.term, env_.clock->Now() + kProposeTimeout,
                          std::move(done)};
  ArmExpiry();
  SchedulePump();
}

// Proposals and reads that arrive together share one Ready: one write, one
// frame to each follower, one round.
void Replica::SchedulePump() {
  if (pump_posted_) return;
  pump_posted_ = true;
  env_.loop->Post([this] {
    pump_posted_ = false;
    Pump();
  });
}

void Replica::ArmExpiry() {
  if (expiry_timer_ != 0 || proposals_.empty()) return;
  const Duration wait = proposals_.begin()->second.deadline - env_.clock->Now();
  expiry_timer_ = env_.loop->After(wait, [this] { ExpireProposals(); });
}

void Replica::ExpireProposals() {
  expiry_timer_ = 0;
  const Instant now = env_.clock->Now();
  std::map<raft::LogIndex, Waiting> expired;
  for (auto it = proposals_.begin(); it != proposals_.end();) {
    const auto next = std::next(it);
    if (it->second.deadline <= now) expired.insert(proposals_.extract(it));
    it = next;
  }
  ArmExpiry();
  EndProposals(std::move(expired));
}

// They stay in the log, and may be committed yet.
void Replica::EndProposals(std::map<raft::LogIndex, Waiting> proposals) {
  for (auto& [index, waiting] : proposals) {
    waiting.done(disk_full_ ? DiskFullError("this write waits for room and may "
                                            "take effect later")
                            : UndecidedError());
  }
}

void Replica::ChangeConfiguration(raft::Configuration target, ReadDone done) {
  absl::StatusOr<raft::EntryId> id =
      raft_.ProposeConfiguration(env_.clock->Now(), std::move(target));
  if (!id.ok()) {
    return PostError(*env_.loop, id.status(), std::move(done));
  }
  Await(*id, [done = std::move(done)](absl::StatusOr<Applied> applied) mutable {
    done(applied.status());
  });
}

absl::Status Replica::TransferLeadership(raft::NodeId target) {
  absl::Status status = raft_.TransferLeadership(env_.clock->Now(), target);
  SchedulePump();
  return status;
}

// ---- Reads.

void Replica::Read(ReadDone done) {
  if (confirmed_reads_.size() >= kConfirmedReadsMax) {
    return PostError(*env_.loop,
                     MakeError(ErrorCode::kRateLimited,
                               "too many reads wait for what was committed"),
                     std::move(done));
  }
  const raft::ReadId id = ++next_read_;
  reads_[id] = std::move(done);
  raft_.RequestRead(env_.clock->Now(), id);
  SchedulePump();
}

void Replica::AnswerReads(std::vector<raft::ReadResult> results) {
  for (raft::ReadResult& result : results) {
    auto node = reads_.extract(result.id);
    JACO_CHECK(!node.empty());
    if (result.status.ok()) {
      confirmed_reads_.emplace(result.index,
                               ConfirmedRead{env_.clock->Now() + kReadTimeout,
                                             std::move(node.mapped())});
    } else {
      node.mapped()(std::move(result.status));
    }
  }
  FinishReads();
}

void Replica::FinishReads() {
  while (!confirmed_reads_.empty() &&
         confirmed_reads_.begin()->first <= machine_->applied()) {
    auto node = confirmed_reads_.extract(confirmed_reads_.begin());
    node.mapped().done(absl::OkStatus());
  }
  ArmReadTimer();
}

// Mostly the state machine is there already, and no timer is needed.
void Replica::ArmReadTimer() {
  if (read_timer_ != 0 || confirmed_reads_.empty()) return;
  Instant first = Instant::Never();
  for (const auto& [index, read] : confirmed_reads_) {
    first = std::min(first, read.deadline);
  }
  read_timer_ =
      env_.loop->After(first - env_.clock->Now(), [this] { ExpireReads(); });
}

void Replica::ExpireReads() {
  read_timer_ = 0;
  const Instant now = env_.clock->Now();
  std::vector<ReadDone> expired;
  for (auto it = confirmed_reads_.begin(); it != confirmed_reads_.end();) {
    if (it->second.deadline > now) {
      ++it;
      continue;
    }
    expired.push_back(std::move(it->second.done));
    it = confirmed_reads_.erase(it);
  }
  ArmReadTimer();
  for (ReadDone& done : expired) {
    done(MakeError(ErrorCode::kNoLeader,
                   "what the read has to wait for does not get here"));
  }
}

void Replica::EndReads(const absl::Status& status) {
  for (auto& [index, read] : std::exchange(confirmed_reads_, {})) {
    read.done(status);
  }
}

}  // namespace jaco::server
