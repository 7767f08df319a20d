#include "jaco/raft/invariants.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "jaco/raft/quorum.h"

namespace jaco::raft {
namespace {

absl::Status Broken(const Observation& server, absl::string_view rule) {
  return absl::InternalError(absl::StrCat(
      "server ", server.id.value(), ": ", rule, " (term ",
      server.hard_state.term.value(), ", last ", server.last.term.value(), ":",
      server.last.index.value(), ", commit ", server.commit.index.value(),
      ", durable ", server.durable.value(), ", applied ",
      server.applied.value(), ")"));
}

absl::Status CheckState(const Observation& server) {
  if (server.commit.index > server.last.index) {
    return Broken(server, "commit is beyond the log");
  }
  if (server.applied > server.commit.index) {
    return Broken(server, "applied is beyond commit");
  }
  if (server.applied > std::max(server.durable, server.installed)) {
    return Broken(server, "applied is beyond what is durable");
  }
  if (server.durable > server.last.index) {
    return Broken(server, "durable is beyond the log");
  }
  if (server.log->start().index > server.commit.index) {
    return Broken(server, "the log begins beyond commit");
  }
  if (server.last.term > server.hard_state.term) {
    return Broken(server, "the log is ahead of the term");
  }
  if (server.durable_hard_state.term > server.hard_state.term) {
    return Broken(server, "the durable term is ahead of the term");
  }
  if (server.role == Role::kCandidate &&
      server.hard_state.voted_for != server.id) {
    return Broken(server, "a candidate without its own vote");
  }
  if (server.repairing && server.role != Role::kFollower) {
    return Broken(server, "it stands for election while it is repaired");
  }
  if (server.repairing && server.hard_state.voted_for != kNoNode) {
    return Broken(server, "it votes while it is repaired");
  }
  if (server.role != Role::kLeader && server.leader == server.id) {
    return Broken(server, "it follows itself");
  }
  return absl::OkStatus();
}

absl::Status CheckProgress(const Observation& server, const Progress& peer) {
  if (peer.match >= peer.next) {
    return Broken(server, "progress: match is not below next");
  }
  if (peer.next > server.last.index.Next()) {
    return Broken(server, "progress: next is beyond the log");
  }
  if (peer.state != Progress::State::kReplicate && !peer.inflights.empty()) {
    return Broken(server, "progress: a probe with a stream in flight");
  }
  if (peer.inflights.empty() && peer.inflights.bytes() != 0) {
    return Broken(server, "progress: bytes in flight without a message");
  }
  return absl::OkStatus();
}

absl::Status CheckLeader(const Observation& server) {
  if (server.leader != server.id) {
    return Broken(server, "a leader that follows another");
  }
  if (server.durable_hard_state != server.hard_state ||
      server.hard_state.voted_for != server.id) {
    return Broken(server, "a leader without its own durable vote");
  }
  for (const Progress& peer : *server.peers) {
    const absl::Status status = CheckProgress(server, peer);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The largest index that is durable on a quorum, as far as the leader knows.
LogIndex DurableOnQuorum(const Observation& leader) {
  return ReachedByQuorum<LogIndex>(*leader.configuration, [&](NodeId voter) {
    if (voter == leader.id) return leader.durable;
    for (const Progress& peer : *leader.peers) {
      if (peer.id == voter) return peer.match;
    }
    return LogIndex(0);
  });
}

absl::Status CheckSameLeader(const Observation& before,
                             const Observation& after) {
  if (!after.log->Contains(before.last)) {
    return Broken(after, "a leader replaced an entry of its own log");
  }
  if (before.configuration_index == after.configuration_index &&
      after.match_sum < before.match_sum) {
    return Broken(after, "progress: a match index fell");
  }
  if (after.commit.index == before.commit.index) return absl::OkStatus();
  if (after.commit.term != after.hard_state.term) {
    return Broken(after, "an entry of an earlier term was committed by itself");
  }
  if (after.commit.index > DurableOnQuorum(after)) {
    return Broken(after, "committed without a quorum");
  }
  return absl::OkStatus();
}

absl::Status CheckSameTerm(const Observation& before,
                           const Observation& after) {
  const NodeId vote = before.hard_state.voted_for;
  if (vote != kNoNode && after.hard_state.voted_for != vote) {
    return Broken(after, "a vote was changed within its term");
  }
  if (before.leader != kNoNode && after.leader != kNoNode &&
      after.leader != before.leader) {
    return Broken(after, "the leader changed within its term");
  }
  if (before.role == Role::kLeader && after.role == Role::kLeader) {
    return CheckSameLeader(before, after);
  }
  return absl::OkStatus();
}

// One that is no voter may win only as long as it does not know so for sure.
absl::Status CheckNewLeader(const Observation& leader) {
  if (leader.configuration_index > leader.commit.index ||
      leader.configuration->IsVoter(leader.id)) {
    return absl::OkStatus();
  }
  return Broken(leader, "a server that is no voter was elected");
}

absl::Status CheckStep(const Observation& before, const Observation& after) {
  if (after.hard_state.term < before.hard_state.term) {
    return Broken(after, "the term fell");
  }
  if (after.durable_hard_state.term < before.durable_hard_state.term) {
    return Broken(after, "the durable term fell");
  }
  if (after.commit.index < before.commit.index) {
    return Broken(after, "commit fell");
  }
  if (after.applied < before.applied) return Broken(after, "applied fell");
  if (before.commit.index >= after.log->start().index &&
      !after.log->Contains(before.commit)) {
    return Broken(after, "a committed entry was replaced");
  }
  if (before.role != Role::kLeader && after.role == Role::kLeader) {
    absl::Status status = CheckNewLeader(after);
    if (!status.ok()) return status;
  }
  if (after.hard_state.term > before.hard_state.term) return absl::OkStatus();
  return CheckSameTerm(before, after);
}

}  // namespace

Observation Observe(const Raft& raft) {
  Observation seen{
      .id = raft.id(),
      .hard_state = raft.hard_state(),
      .durable_hard_state = raft.durable_hard_state(),
      .role = raft.role(),
      .leader = raft.leader(),
      .repairing = raft.repairing(),
      .applied = raft.applied(),
      .durable = raft.durable(),
      .installed = raft.installed(),
      .last = raft.last(),
      .configuration_index = raft.configuration_index(),
      .peers = raft.progress(),
      .configuration = &raft.configuration(),
      .first_configuration = &raft.ConfigurationAt(raft.log().start().index),
      .log = &raft.log()};
  // Beyond the log there is no term: CheckState says so.
  const LogIndex commit = raft.commit();
  seen.commit = {raft.log().TermAt(commit).value_or(Term(0)), commit};
  if (seen.peers != nullptr) {
    for (const Progress& peer : *seen.peers) {
      if (!peer.departing) seen.match_sum += peer.match.value();
    }
  }
  return seen;
}

absl::Status CheckInvariants(const Observation& before,
                             const Observation& after) {
  absl::Status status = CheckState(after);
  if (status.ok() && after.role == Role::kLeader) status = CheckLeader(after);
  return status.ok() ? CheckStep(before, after) : status;
}

}  // namespace jaco::raft
