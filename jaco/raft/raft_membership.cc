// Changes of membership: joint consensus (dissertation §4.3), entered and left
// by configuration entries that are in force as soon as they are in a log
// (§4.1); and leadership transfer (§3.10), which a leader that leaves also
// uses.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/error.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/raft.h"

namespace jaco::raft {
namespace {

// How many election timeouts a server that left may be silent before it is no
// longer told.
constexpr int kDepartingTimeouts = 10;
// Servers that left and are yet to be told, and were no members of late.
constexpr ptrdiff_t kStrangersMax = 8;

// `target` with the addresses that `old` has for its outgoing voters.
void KeepAddresses(const Configuration& old, Configuration& target) {
  for (const auto& [node, address] : old.addresses) {
    const auto known = std::find_if(
        target.addresses.begin(), target.addresses.end(),
        [&, node = node](const auto& other) { return other.first == node; });
    if (known == target.addresses.end() && target.Contains(node)) {
      target.addresses.emplace_back(node, address);
    }
  }
  std::sort(target.addresses.begin(), target.addresses.end());
}

void DropStrangers(Configuration& configuration) {
  std::erase_if(configuration.addresses, [&](const auto& address) {
    return !configuration.Contains(address.first);
  });
}

}  // namespace

absl::Status Raft::CheckChange(const Configuration& target) const {
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return NotLeaderError();
  if (leader->transfer.has_value()) return TransferError();
  if (!target.outgoing.empty()) {
    return MakeError(ErrorCode::kValidationFailed,
                     "a target configuration has no outgoing voters");
  }
  if (const absl::string_view defect = DefectOf(target); !defect.empty()) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("configuration with ", defect));
  }
  if (configuration().IsJoint() || configurations_.index() > commit_) {
    return MakeError(
        ErrorCode::kConflict,
        absl::StrCat("the change of membership at index ",
                     configurations_.index().value(), " is still under way"));
  }
  if (commit_ < leader->first_of_term) {
    // What it would build on may still be replaced (the bug in single-server
    // changes, raft-dev 2015-07; kept for all changes).
    return MakeError(ErrorCode::kConflict,
                     "the new leader has committed nothing yet; try again");
  }
  return absl::OkStatus();
}

absl::StatusOr<EntryId> Raft::ProposeConfiguration(Instant now,
                                                   Configuration target) {
  if (absl::Status status = CheckChange(target); !status.ok()) return status;
  if (target.voters != configuration().voters) {
    target.outgoing = configuration().voters;
  }
  KeepAddresses(configuration(), target);
  DropStrangers(target);
  dirty_ = true;
  now_ = now;
  AppendOwn(EntryKind::kConfiguration, EncodeConfiguration(target));
  SyncPeers(now);
  return log_.last();
}

// A voter of the configuration before stands too, until it knows that the
// latest is committed: its log may be the one that nobody else can win against.
// It does not count its own vote then (§4.2.2).
bool Raft::MayCampaign() const {
  if (repairing()) return false;
  if (configuration().IsVoter(id())) return true;
  const Configuration* previous = configurations_.previous();
  return configurations_.index() > commit_ && previous != nullptr &&
         previous->IsVoter(id());
}

// Empty when nobody said where it is.
std::string Raft::OwnAddress() const {
  if (!options_.address.empty()) return options_.address;
  for (const Configuration* known :
       {&configurations_.current(), configurations_.previous()}) {
    if (known == nullptr) continue;
    for (const auto& [node, address] : known->addresses) {
      if (node == id()) return address;
    }
  }
  return "";
}

// A server that lags behind, or comes back, or lost its log, knows members that
// were, or none, not those that are; it could not answer them.
bool Raft::MayNotKnowUs(const Progress& peer) const {
  return peer.silent || peer.match < configurations_.index() ||
         !configuration().Contains(id());
}

Progress& Raft::AddPeer(Instant now, NodeId node) {
  Progress peer;
  peer.id = node;
  peer.session = configurations_.index();
  peer.next = log_.last().index.Next();
  // Counting from now gives every follower one election timeout to answer.
  peer.last_contact = now;
  peer.message_due = true;
  auto& peers = std::get<Leader>(state_).peers;
  const auto at =
      std::find_if(peers.begin(), peers.end(),
                   [&](const Progress& other) { return other.id > node; });
  return *peers.insert(at, std::move(peer));
}

// One Progress for each other member; those that are no members any more stay
// until they know it.
void Raft::SyncPeers(Instant now) {
  auto& peers = std::get<Leader>(state_).peers;
  // What is known of a server that left and comes again is void: it may come
  // with an empty disk.
  std::erase_if(peers, [&](const Progress& peer) {
    return peer.departing && configuration().Contains(peer.id);
  });
  for (Progress& peer : peers) {
    peer.departing = !configuration().Contains(peer.id);
  }
  for (NodeId member : configuration().Members()) {
    if (member != id() && FindPeer(member) == nullptr) AddPeer(now, member);
  }
}

// A server that is no member asks for votes: it left under an earlier leader
// and was not told.
void Raft::KeepStranger(Instant now, NodeId node) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr || configuration().Contains(node)) return;
  if (FindPeer(node) != nullptr) return;
  const auto strangers =
      std::count_if(leader->peers.begin(), leader->peers.end(),
                    [](const Progress& peer) { return peer.departing; });
  if (strangers < kStrangersMax) AddPeer(now, node).departing = true;
}

// Whether the next message says that the configuration without `peer`, which it
// holds, is committed. An entry of this term proves that nothing is left of
// other configurations that it may have had.
bool Raft::TellsOfDeparture(const Progress& peer) const {
  if (!peer.departing || peer.told_round > 0) return false;
  const LogIndex needed =
      std::max(configurations_.index(), std::get<Leader>(state_).first_of_term);
  return peer.match >= needed && commit_ >= needed;
}

// Those that know that they left, and those that will not be told for now.
void Raft::DropDeparted(Instant now) {
  const Duration patience = options_.election_timeout * kDepartingTimeouts;
  std::erase_if(std::get<Leader>(state_).peers, [&](const Progress& peer) {
    if (!peer.departing) return false;
    const bool knows =
        peer.told_round > 0 && peer.acknowledged_round >= peer.told_round;
    return knows || now - peer.last_contact >= patience;
  });
}

// What a committed configuration entails. Called last in its event: it may end
// this leadership.
void Raft::OnCommitAdvanced(Instant now) {
  if (!std::holds_alternative<Leader>(state_)) return;
  if (configurations_.index() > commit_) return;
  if (configuration().IsJoint()) {
    LeaveJoint(now);
  } else if (!configuration().IsVoter(id())) {
    StepAside(now);
  }
}

void Raft::LeaveJoint(Instant now) {
  // Entries of earlier terms are committed only together with one of ours, so
  // whichever leader finds the joint configuration committed finishes it.
  Configuration target = configuration();
  target.outgoing.clear();
  DropStrangers(target);
  AppendOwn(EntryKind::kConfiguration, EncodeConfiguration(target));
  SyncPeers(now);
}

// A leader that is no voter any more has committed the configuration that says
// so (§4.2.2); the voter with the longest log need not wait for its timeout.
void Raft::StepAside(Instant now) {
  SendAppends();  // the commit that ends this leadership
  const Progress* best = nullptr;
  for (const Progress& peer : std::get<Leader>(state_).peers) {
    if (!configuration().IsVoter(peer.id)) continue;
    if (best == nullptr || peer.match > best->match) best = &peer;
  }
  if (best != nullptr) Send(best->id, TimeoutNowMessage());
  BecomeFollower(now, hard_state_.term, kNoNode);
}

bool Raft::StaysVoter(NodeId node) const {
  const auto& voters = configuration().voters;
  return std::binary_search(voters.begin(), voters.end(), node);
}

absl::Status Raft::TransferLeadership(Instant now, NodeId target) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return NotLeaderError();
  if (target == id()) return absl::OkStatus();
  if (!StaysVoter(target)) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("server ", target.value(),
                                  " is no voter, or is about to leave"));
  }
  dirty_ = true;
  // What an earlier target was told is void: see ExpireTransfer.
  if (leader->transfer.has_value() && leader->transfer->told) {
    ++leader->transfers_over;
    EndLease();
  }
  leader->transfer = Transfer{target, now + options_.election_timeout};
  return absl::OkStatus();
}

void Raft::TellTransferTarget() {
  auto& transfer = std::get<Leader>(state_).transfer;
  if (!transfer.has_value() || !transfer->tell_due) return;
  const Progress* peer = FindPeer(transfer->target);
  if (peer == nullptr || peer->match < log_.last().index) return;
  transfer->tell_due = false;
  transfer->told = true;
  Send(transfer->target, TimeoutNowMessage());
}

TimeoutNow Raft::TimeoutNowMessage() const {
  return {.term = hard_state_.term,
          .transfer = std::get<Leader>(state_).transfers_over + 1};
}

void Raft::ExpireTransfer(Instant now) {
  auto& leader = std::get<Leader>(state_);
  if (!leader.transfer.has_value() || now < leader.transfer->deadline) return;
  dirty_ = true;
  // The target may yet get to hear of it: from the next message on voters know
  // that it is void, and only promises that come with that knowledge count.
  if (leader.transfer->told) ++leader.transfers_over;
  leader.transfer.reset();
  EndLease();
}

// Fit is who could take over without a pause: a voter with the log of one
// heartbeat ago that has answered in half an election timeout.
void Raft::PreferHigherPriority(Instant now) {
  auto& leader = std::get<Leader>(state_);
  const Progress* best = nullptr;
  for (Progress& peer : leader.peers) {
    const bool fit = peer.priority > options_.priority && StaysVoter(peer.id) &&
                     peer.state == Progress::State::kReplicate &&
                     peer.match >= leader.commit_at_heartbeat &&
                     now - peer.last_contact < options_.election_timeout / 2;
    if (!fit) {
      peer.fit_since.reset();
      continue;
    }
    if (!peer.fit_since.has_value()) peer.fit_since = now;
    if (now - *peer.fit_since < options_.election_timeout * kFitTimeouts) {
      continue;
    }
    if (best == nullptr || peer.priority > best->priority) best = &peer;
  }
  if (best == nullptr || leader.transfer.has_value() ||
      configuration().IsJoint() || configurations_.index() > commit_ ||
      !TransferLeadership(now, best->id).ok()) {
    return;
  }
  // Should it not work, the next try is as far away as the first was.
  for (Progress& peer : leader.peers) peer.fit_since.reset();
}

void Raft::Handle(Instant now, NodeId from, const TimeoutNow& request) {
  if (request.term != hard_state_.term || leader_ != from) return;
  if (!std::holds_alternative<Follower>(state_)) return;
  if (!configuration().IsVoter(id()) || repairing()) return;
  if (!DiskTakesVotes(now)) return;
  if (!MayFollowHandOver(now, request.term, request.transfer)) return;
  // It released us from what we promised it.
  contact_.reset();
  StartElection(now, request.transfer);
}

void Raft::OnPeerDown(Instant now, NodeId node) {
  if (leader_ != node || !std::holds_alternative<Follower>(state_)) return;
  // The leader may be alive, and count on our promise: on one, too, that was
  // made before a restart.
  if (options_.lease_reads || now < forgetful_until_) return;
  dirty_ = true;
  now_ = now;
  contact_.reset();
  BecomeFollower(now, hard_state_.term, kNoNode);
  quick_campaigns_ = kQuickCampaigns;
  // Others may be told at the same moment: a little apart, one of them wins.
  const Duration most = options_.heartbeat_interval;
  election_deadline_ =
      std::min(election_deadline_,
               now + Deference(most) + prng_.Between(Duration(), most));
}

}  // namespace jaco::raft
