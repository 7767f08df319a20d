#include "jaco/server/forwarder.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/server/post_error.h"

namespace jaco::server {
namespace {

// So many of a node's latest starts one leadership remembers: no frame of those
// before is under way any more.
constexpr size_t kIncarnationsMax = 64;

absl::Status LostError() {
  return MakeError(ErrorCode::kTimeout,
                   "the leader did not say what became of the write; it may "
                   "have taken effect, or take effect later");
}

}  // namespace

bool SeenRequests::Insert(uint64_t sequence) {
  if (sequence <= floor_ || !above_.insert(sequence).second) return false;
  while (!above_.empty() && *above_.begin() == floor_ + 1) {
    above_.erase(above_.begin());
    ++floor_;
  }
  while (above_.size() > kWindow) {
    floor_ = *above_.begin();
    above_.erase(above_.begin());
  }
  return true;
}

Forwarder::Forwarder(const env::Environment& environment, uint64_t incarnation,
                     Duration patience, Hooks hooks)
    : env_(environment),
      incarnation_(incarnation),
      patience_(patience),
      hooks_(std::move(hooks)) {}

void Forwarder::Stop() {
  pending_.clear();
  env_.loop->Cancel(std::exchange(timer_, 0));
}

// ---- The follower's side.

void Forwarder::Forward(raft::NodeId leader, raft::Term term,
                        std::string command, ProposeDone done) {
  Send(leader, {.term = term, .command = std::move(command)}, std::move(done));
}

void Forwarder::ForwardCall(raft::NodeId leader, raft::Term term,
                            std::string call, ProposeDone done) {
  Send(leader, {.term = term, .command = std::move(call), .call = true},
       std::move(done));
}

void Forwarder::Send(raft::NodeId leader, ForwardRequest request,
                     ProposeDone done) {
  const size_t bytes = request.command.size();
  if (pending_.size() >= kPendingMax ||
      pending_bytes_ + bytes > kPendingBytesMax) {
    return PostError(*env_.loop,
                     MakeError(ErrorCode::kRateLimited,
                               "too many writes are under way to the leader"),
                     std::move(done));
  }
  request.incarnation = incarnation_;
  request.sequence = ++sequence_;
  pending_[request.sequence] = {leader, request.term,
                                env_.clock->Now() + patience_, bytes,
                                std::move(done)};
  pending_bytes_ += bytes;
  ArmTimer();
  hooks_.send(leader, std::make_shared<const std::string>(
                          EncodeForward(std::move(request))));
}

void Forwarder::Handle(raft::NodeId /*from*/, ForwardResponse response) {
  if (response.incarnation != incarnation_) return;
  auto node = pending_.extract(response.sequence);
  if (node.empty()) return;
  pending_bytes_ -= node.mapped().bytes;
  ProposeDone done = std::move(node.mapped().done);
  if (response.index.value() == 0 && !response.status.ok()) {
    done(std::move(response.status));
    return;
  }
  done(Applied{response.index,
               {std::move(response.status), std::move(response.reply)}});
}

void Forwarder::Handle(raft::NodeId from, ForwardAddress address) {
  if (!address.address.empty()) hooks_.learn(from, std::move(address));
}

void Forwarder::OnPeerDown(raft::NodeId node) {
  GiveUpIf([node](const Pending& pending) { return pending.leader == node; });
}

void Forwarder::OnLeader(raft::Term term) {
  GiveUpIf([term](const Pending& pending) { return pending.term < term; });
}

void Forwarder::GiveUp() {
  GiveUpIf([](const Pending&) { return true; });
}

void Forwarder::GiveUpIf(absl::FunctionRef<bool(const Pending&)> lost) {
  std::vector<ProposeDone> given_up;
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (!lost(it->second)) {
      ++it;
      continue;
    }
    pending_bytes_ -= it->second.bytes;
    given_up.push_back(std::move(it->second.done));
    it = pending_.erase(it);
  }
  for (ProposeDone& done : given_up) done(LostError());
}

void Forwarder::ArmTimer() {
  if (timer_ != 0 || pending_.empty()) return;
  timer_ =
      env_.loop->After(pending_.begin()->second.deadline - env_.clock->Now(),
                       [this] { OnTimer(); });
}

void Forwarder::OnTimer() {
  timer_ = 0;
  const Instant now = env_.clock->Now();
  GiveUpIf([now](const Pending& pending) { return pending.deadline <= now; });
  ArmTimer();
}

// ---- The leader's side.

bool Forwarder::IsNew(raft::NodeId from, const ForwardRequest& request) {
  if (seen_in_ != request.term) {
    seen_.clear();
    seen_in_ = request.term;
  }
  std::deque<Sender>& senders = seen_[from];
  auto sender =
      std::find_if(senders.begin(), senders.end(), [&](const Sender& other) {
        return other.incarnation == request.incarnation;
      });
  if (sender == senders.end()) {
    if (senders.size() == kIncarnationsMax) senders.pop_front();
    sender = senders.insert(senders.end(), {request.incarnation, {}});
  }
  return sender->requests.Insert(request.sequence);
}

void Forwarder::Handle(raft::NodeId from, ForwardRequest request) {
  ForwardResponse response{.incarnation = request.incarnation,
                           .sequence = request.sequence};
  if (hooks_.leadership() != request.term) {
    // A copy of one that was taken in says nothing of that one.
    if (seen_in_ == request.term && !IsNew(from, request)) return;
    response.status = MakeError(ErrorCode::kNoLeader,
                                "the leader has changed; nothing was written");
    Answer(from, std::move(response));
    return;
  }
  if (hooks_.is_member != nullptr && !hooks_.is_member(from)) {
    response.status = MakeError(ErrorCode::kNotAMember,
                                "the sender is not a member of the cluster");
    Answer(from, std::move(response));
    return;
  }
  if (!IsNew(from, request)) return;
  auto& carry_out = request.call ? hooks_.serve : hooks_.propose;
  carry_out(std::move(request.command),
            [this, from, response = std::move(response)](
                absl::StatusOr<Applied> applied) mutable {
              if (applied.ok()) {
                response.index = applied->index;
                response.status = std::move(applied->result.status);
                response.reply = std::move(applied->result.reply);
              } else {
                response.status = applied.status();
              }
              Answer(from, std::move(response));
            });
}

void Forwarder::Answer(raft::NodeId to, ForwardResponse response) {
  hooks_.send(to, std::make_shared<const std::string>(
                      EncodeForward(std::move(response))));
}

absl::Status Forwarder::OnFrame(raft::NodeId from, absl::string_view frame) {
  absl::StatusOr<ForwardMessage> message = DecodeForward(frame);
  if (!message.ok()) return message.status();
  std::visit([&](auto& m) { Handle(from, std::move(m)); }, *message);
  return absl::OkStatus();
}

}  // namespace jaco::server
