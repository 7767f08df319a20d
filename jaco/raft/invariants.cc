#include "jaco/raft/invariants.h"

#include "absl/strings/str_cat.h"

namespace jaco::raft {
namespace {

absl::Status Broken(const Raft& raft, absl::string_view rule) {
  return absl::InternalError(absl::StrCat(
      "server ", raft.id().value(), ": ", rule, " (term ", raft.term().value(),
      ", last ", raft.last().term.value(), "/", raft.last().index.value(),
      ", commit ", raft.commit().value(), ", durable ", raft.durable().value(),
      ", applied ", raft.applied().value(), ")"));
}

absl::Status CheckState(const Raft& raft) {
  if (raft.commit() > raft.last().index) {
    return Broken(raft, "commit is beyond the log");
  }
  if (raft.applied() > raft.commit()) {
    return Broken(raft, "applied is beyond commit");
  }
  if (raft.applied() > raft.durable()) {
    return Broken(raft, "applied is beyond what is durable");
  }
  if (raft.durable() > raft.last().index) {
    return Broken(raft, "durable is beyond the log");
  }
  if (raft.last().term > raft.term()) {
    return Broken(raft, "the log is ahead of the term");
  }
  const bool voted_for_itself = raft.hard_state().voted_for == raft.id();
  if (raft.role() == Role::kCandidate && !voted_for_itself) {
    return Broken(raft, "a candidate without its own vote");
  }
  return absl::OkStatus();
}

absl::Status CheckLeader(const Raft& raft) {
  if (raft.leader() != raft.id()) {
    return Broken(raft, "a leader that follows another");
  }
  if (raft.durable_hard_state() != raft.hard_state() ||
      raft.hard_state().voted_for != raft.id()) {
    return Broken(raft, "a leader without its own durable vote");
  }
  for (const Progress& peer : *raft.progress()) {
    if (peer.match >= peer.next) {
      return Broken(raft, "progress: match is not below next");
    }
    if (peer.next > raft.last().index.Next()) {
      return Broken(raft, "progress: next is beyond the log");
    }
    if (peer.state == Progress::State::kProbe && !peer.inflights.empty()) {
      return Broken(raft, "progress: a probe with a stream in flight");
    }
    if (peer.inflights.empty() && peer.inflights.bytes() != 0) {
      return Broken(raft, "progress: bytes in flight without a message");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckStep(const Observation& before, const Raft& after) {
  if (after.term() < before.hard_state.term) {
    return Broken(after, "the term fell");
  }
  if (after.durable_hard_state().term < before.durable_hard_state.term) {
    return Broken(after, "the durable term fell");
  }
  if (after.commit() < before.commit) return Broken(after, "commit fell");
  if (after.applied() < before.applied) return Broken(after, "applied fell");
  if (after.term() > before.hard_state.term) return absl::OkStatus();
  const NodeId vote = before.hard_state.voted_for;
  if (vote != kNoNode && after.hard_state().voted_for != vote) {
    return Broken(after, "a vote was changed within its term");
  }
  if (before.leader != kNoNode && after.leader() != kNoNode &&
      after.leader() != before.leader) {
    return Broken(after, "the leader changed within its term");
  }
  if (before.role == Role::kLeader && after.role() == Role::kLeader &&
      !after.log().Contains(before.last)) {
    return Broken(after, "a leader replaced an entry of its own log");
  }
  return absl::OkStatus();
}

}  // namespace

Observation Observe(const Raft& raft) {
  return {.hard_state = raft.hard_state(),
          .durable_hard_state = raft.durable_hard_state(),
          .role = raft.role(),
          .leader = raft.leader(),
          .commit = raft.commit(),
          .applied = raft.applied(),
          .durable = raft.durable(),
          .last = raft.last()};
}

absl::Status CheckInvariants(const Observation& before, const Raft& after) {
  if (absl::Status status = CheckState(after); !status.ok()) return status;
  if (after.role() == Role::kLeader) {
    if (absl::Status status = CheckLeader(after); !status.ok()) return status;
  }
  return CheckStep(before, after);
}

}  // namespace jaco::raft
