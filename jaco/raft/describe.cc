#include "jaco/raft/describe.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jaco/raft/codec.h"

namespace jaco::raft {
namespace {

std::string Text(const RequestVoteRequest& m) {
  return absl::StrCat(m.pre_vote ? "PreVote" : "Vote", " term=", m.term.value(),
                      " last=", Describe(m.last),
                      m.transfer == 0 ? "" : " transfer",
                      m.transfer <= 1 ? "" : absl::StrCat("=", m.transfer));
}

std::string Text(const RequestVoteResponse& m) {
  return absl::StrCat(m.pre_vote ? "PreVote" : "Vote",
                      m.granted ? "Granted" : "Refused",
                      " term=", m.term.value());
}

// What is 0 most of the time is shown only when it is not.
std::string Round(uint64_t round) {
  return round == 0 ? "" : absl::StrCat(" round=", round);
}

std::string Session(LogIndex session) {
  return session == LogIndex() ? ""
                               : absl::StrCat(" session=", session.value());
}

std::string Text(const AppendEntriesRequest& m) {
  return absl::StrCat(
      "Append term=", m.term.value(), " prev=", Describe(m.previous),
      " commit=", m.commit.value(), Round(m.round), Session(m.session),
      m.transfers_over == 0
          ? ""
          : absl::StrCat(" transfers-over=", m.transfers_over),
      m.entries.empty() ? "" : absl::StrCat(" [", Describe(m.entries), "]"));
}

std::string Promise(const AppendEntriesResponse& m) {
  return absl::StrCat(
      m.promise == Duration()
          ? ""
          : absl::StrCat(" promise=", m.promise.milliseconds(), "ms"),
      m.priority == kPriorityMax ? "" : absl::StrCat(" priority=", m.priority));
}

std::string Text(const AppendEntriesResponse& m) {
  if (m.success) {
    return absl::StrCat("Appended term=", m.term.value(),
                        " match=", m.match.value(), Round(m.round),
                        Session(m.session), Promise(m));
  }
  return absl::StrCat("AppendRefused term=", m.term.value(),
                      " prev=", m.match.value(), " hint=", Describe(m.hint),
                      Round(m.round), Session(m.session), Promise(m));
}

std::string Text(const TimeoutNow& m) {
  return absl::StrCat(
      "TimeoutNow term=", m.term.value(),
      m.transfer == 1 ? "" : absl::StrCat(" transfer=", m.transfer));
}

std::string Text(const ReadIndexRequest& m) {
  return absl::StrCat("ReadIndex term=", m.term.value(),
                      " read=", m.id.value());
}

std::string Text(const ReadIndexResponse& m) {
  if (!m.success) {
    return absl::StrCat("ReadIndexRefused term=", m.term.value(),
                        " read=", m.id.value(),
                        m.rate_limited ? " rate-limited" : "");
  }
  return absl::StrCat("ReadIndexIs term=", m.term.value(),
                      " read=", m.id.value(), " index=", m.index.value());
}

std::string Nodes(const std::vector<NodeId>& nodes) {
  return absl::StrJoin(nodes, " ", [](std::string* out, NodeId node) {
    absl::StrAppend(out, node.value());
  });
}

}  // namespace

std::string Describe(const Configuration& configuration) {
  std::string text = Nodes(configuration.voters);
  if (configuration.IsJoint()) {
    absl::StrAppend(&text, " from ", Nodes(configuration.outgoing));
  }
  if (!configuration.learners.empty()) {
    absl::StrAppend(&text, " learners ", Nodes(configuration.learners));
  }
  return text;
}

std::string Describe(const EntryId& id) {
  return absl::StrCat(id.term.value(), ":", id.index.value());
}

std::string Describe(const Entry& entry) {
  std::string text = Describe(entry.id);
  switch (entry.kind) {
    case EntryKind::kNoop:
      return text + "/noop";
    case EntryKind::kConfiguration: {
      const auto configuration = DecodeConfiguration(entry.data);
      return absl::StrCat(
          text, "/configuration(",
          configuration.ok() ? Describe(*configuration) : "undecodable", ")");
    }
    case EntryKind::kCommand:
      if (!entry.data.empty()) absl::StrAppend(&text, "/", entry.data);
  }
  return text;
}

std::string Describe(const std::vector<EntryPtr>& entries) {
  return absl::StrJoin(entries, " ", [](std::string* out, const EntryPtr& e) {
    out->append(Describe(*e));
  });
}

std::string Describe(const Message& message) {
  return std::visit([](const auto& m) { return Text(m); }, message);
}

std::string Describe(const Persist& write) {
  std::string text = absl::StrCat("writes #", write.id.value());
  if (write.hard_state.has_value()) {
    absl::StrAppend(&text, " term=", write.hard_state->term.value(),
                    " vote=", write.hard_state->voted_for.value());
  }
  if (write.log_start.has_value()) {
    absl::StrAppend(&text, " start=", Describe(write.log_start->last));
  }
  if (!write.entries.empty()) {
    absl::StrAppend(&text, " [", Describe(write.entries), "]");
  }
  return text;
}

std::string Describe(const RoleChange& change) {
  std::string text =
      absl::StrCat("is ", RoleName(change.role), " term=", change.term.value());
  if (change.role == Role::kFollower && change.leader != kNoNode) {
    absl::StrAppend(&text, " of ", change.leader.value());
  }
  return text;
}

std::string Describe(const ReadResult& read) {
  const std::string name = absl::StrCat("read ", read.id.value());
  if (!read.status.ok()) {
    return absl::StrCat("refuses ", name, ": ", read.status.message());
  }
  return absl::StrCat("answers ", name, ": index ", read.index.value());
}

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre-candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
  }
  return "unknown";
}

}  // namespace jaco::raft
