#include "jaco/raft/describe.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace jaco::raft {
namespace {

std::string Text(const RequestVoteRequest& m) {
  return absl::StrCat(m.pre_vote ? "PreVote" : "Vote", " term=", m.term.value(),
                      " last=", Describe(m.last));
}

std::string Text(const RequestVoteResponse& m) {
  return absl::StrCat(m.pre_vote ? "PreVote" : "Vote",
                      m.granted ? "Granted" : "Refused",
                      " term=", m.term.value());
}

std::string Round(uint64_t round) {
  return round == 0 ? "" : absl::StrCat(" round=", round);
}

std::string Text(const AppendEntriesRequest& m) {
  return absl::StrCat(
      "Append term=", m.term.value(), " prev=", Describe(m.previous),
      " commit=", m.commit.value(), Round(m.round),
      m.entries.empty() ? "" : absl::StrCat(" [", Describe(m.entries), "]"));
}

std::string Text(const AppendEntriesResponse& m) {
  if (m.success) {
    return absl::StrCat("Appended term=", m.term.value(),
                        " match=", m.match.value(), Round(m.round));
  }
  return absl::StrCat("AppendRefused term=", m.term.value(),
                      " prev=", m.match.value(), " hint=", Describe(m.hint),
                      Round(m.round));
}

}  // namespace

std::string Describe(const EntryId& id) {
  return absl::StrCat(id.term.value(), ":", id.index.value());
}

std::string Describe(const Entry& entry) {
  std::string text = Describe(entry.id);
  switch (entry.kind) {
    case EntryKind::kNoop:
      return text + "/noop";
    case EntryKind::kConfiguration:
      return text + "/configuration";
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
