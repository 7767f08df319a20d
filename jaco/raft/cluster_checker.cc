#include "jaco/raft/cluster_checker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "jaco/raft/describe.h"

namespace jaco::raft {

absl::Status CheckLogMatching(const Raft& a, const Raft& b) {
  bool same = false;  // some entry beyond `i` has the same id in both
  const LogIndex start = std::max(a.log().start().index, b.log().start().index);
  for (LogIndex i = std::min(a.last().index, b.last().index); i > start;
       i = i.Previous()) {
    const EntryPtr& mine = a.log().At(i);
    const EntryPtr& other = b.log().At(i);
    same = same || mine->id == other->id;
    if (same && mine != other && *mine != *other) {
      return absl::InternalError(absl::StrCat(
          "log matching: server ", a.id().value(), " has ", Describe(*mine),
          " where ", b.id().value(), " has ", Describe(*other)));
    }
  }
  return absl::OkStatus();
}

absl::Status ClusterChecker::Check(const Raft& server,
                                   const std::vector<EntryPtr>& committed,
                                   const std::vector<const Raft*>& others) {
  absl::Status status = CheckElection(server);
  if (status.ok()) status = CheckVote(server);
  if (status.ok()) status = CheckCommitted(server, committed);
  if (status.ok()) status = CheckCompleteness(server);
  for (const Raft* other : others) {
    if (status.ok() && other != &server) {
      status = CheckLogMatching(server, *other);
    }
  }
  return status;
}

absl::Status ClusterChecker::CheckElection(const Raft& server) {
  if (server.role() != Role::kLeader) return absl::OkStatus();
  const NodeId leader =
      leaders_.emplace(server.term(), server.id()).first->second;
  if (leader == server.id()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "election safety: servers ", leader.value(), " and ", server.id().value(),
      " both led term ", server.term().value()));
}

absl::Status ClusterChecker::CheckVote(const Raft& server) {
  const HardState& state = server.durable_hard_state();
  if (state.voted_for == kNoNode) return absl::OkStatus();
  const NodeId vote =
      votes_.emplace(std::pair(server.id(), state.term), state.voted_for)
          .first->second;
  if (vote == state.voted_for) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "server ", server.id().value(), " voted for ", vote.value(), " and ",
      state.voted_for.value(), " in term ", state.term.value()));
}

absl::Status ClusterChecker::CheckCommitted(
    const Raft& server, const std::vector<EntryPtr>& committed) {
  LogIndex& applied =
      applied_.emplace(server.id(), server.log().start().index).first->second;
  applied = std::max(applied, server.installed());
  for (const EntryPtr& entry : committed) {
    if (entry->id.index != applied.Next()) {
      return absl::InternalError(
          absl::StrCat("server ", server.id().value(), " applies ",
                       Describe(*entry), " after index ", applied.value()));
    }
    ++applied;
    const size_t at = applied.value() - 1;
    if (at == committed_.size()) {
      committed_.push_back(entry);
      known_in_.push_back(server.term());
    }
    known_in_[at] = std::min(known_in_[at], server.term());
    if (*committed_[at] != *entry) {
      return absl::InternalError(absl::StrCat(
          "state machine safety: server ", server.id().value(), " applies ",
          Describe(*entry), ", committed was ", Describe(*committed_[at])));
    }
  }
  return absl::OkStatus();
}

absl::Status ClusterChecker::CheckCompleteness(const Raft& server) const {
  if (server.role() != Role::kLeader) return absl::OkStatus();
  for (size_t i = 0; i < committed_.size(); ++i) {
    if (known_in_[i] >= server.term()) continue;
    if (committed_[i]->id.index <= server.log().start().index) continue;
    if (!server.log().Contains(committed_[i]->id)) {
      return absl::InternalError(absl::StrCat(
          "leader completeness: the leader of term ", server.term().value(),
          " lacks ", Describe(*committed_[i])));
    }
  }
  return absl::OkStatus();
}

}  // namespace jaco::raft
