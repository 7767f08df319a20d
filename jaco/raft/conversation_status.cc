// The commands that only look.

#include "absl/strings/str_cat.h"
#include "jaco/raft/conversation.h"
#include "jaco/raft/describe.h"

namespace jaco::raft {
namespace {

absl::string_view StateName(Progress::State state) {
  switch (state) {
    case Progress::State::kProbe:
      return "probe";
    case Progress::State::kReplicate:
      return "replicate";
    case Progress::State::kSnapshot:
      return "snapshot";
  }
  return "unknown";
}

}  // namespace

void Conversation::ShowProgress(const Raft& raft) {
  if (raft.progress() == nullptr) return;
  for (const Progress& peer : *raft.progress()) {
    Line(absl::StrCat("  ", peer.id.value(), " ", StateName(peer.state),
                      " match=", peer.match.value(),
                      " next=", peer.next.value(),
                      " inflight=", peer.inflights.messages(),
                      peer.departing ? " departing" : ""));
  }
}

void Conversation::Status(const Words&) {
  for (const auto& [id, server] : servers_) {
    if (!server->up()) {
      Line(absl::StrCat(id.value(), " is down"));
      continue;
    }
    const Raft& raft = server->raft();
    Line(absl::StrCat(
        id.value(), " ",
        Describe(RoleChange{raft.term(), raft.role(), raft.leader()}),
        " vote=", raft.hard_state().voted_for.value(),
        " last=", Describe(raft.last()), " durable=", raft.durable().value(),
        " commit=", raft.commit().value(), " applied=", raft.applied().value(),
        raft.repairing() ? " repairing" : ""));
    ShowProgress(raft);
  }
}

void Conversation::Log(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  const jaco::raft::Log& log = server->raft().log();
  std::vector<EntryPtr> entries;
  for (LogIndex i = log.start().index; i < log.last().index;) {
    entries.push_back(log.At(++i));
  }
  Line(Describe(entries));
}

}  // namespace jaco::raft
