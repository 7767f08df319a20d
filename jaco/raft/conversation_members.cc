// The commands of a conversation that are about who takes part and who leads.

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jaco/raft/conversation.h"
#include "jaco/raft/describe.h"

namespace jaco::raft {
namespace {

NodeId Node(absl::string_view text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? NodeId(number) : kNoNode;
}

}  // namespace

void Conversation::Change(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  Configuration target;
  std::vector<NodeId>* list = &target.voters;
  for (size_t i = 2; i < words.size(); ++i) {
    if (words[i] == "learners") list = &target.learners;
    if (Node(words[i]) != kNoNode) list->push_back(Node(words[i]));
  }
  absl::StatusOr<EntryId> id = EntryId();
  const Ready ready = server->Take([&](Raft& raft) {
    id = raft.ProposeConfiguration(server->now(), target);
  });
  Line(id.ok() ? absl::StrCat(words[1], " proposes ",
                              Describe(*server->raft().log().At(id->index)))
               : absl::StrCat(words[1], " refuses: ", id.status().message()));
  Act(*server, ready);
}

void Conversation::Transfer(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr || words.size() < 3) return Fail("to whom?");
  absl::Status status;
  const Ready ready = server->Take([&](Raft& raft) {
    status = raft.TransferLeadership(server->now(), Node(words[2]));
  });
  Line(status.ok() ? absl::StrCat(words[1], " hands over to ", words[2])
                   : absl::StrCat(words[1], " refuses: ", status.message()));
  Act(*server, ready);
}

void Conversation::Reset(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr || words.size() < 3) return Fail("whose?");
  Act(*server, server->Take([&](Raft& raft) {
    raft.OnPeerDown(server->now(), Node(words[2]));
  }));
}

void Conversation::Members(const Words&) {
  for (const auto& [id, server] : servers_) {
    if (!server->up()) continue;
    const Raft& raft = server->raft();
    const LogIndex at = raft.configuration_index();
    Line(absl::StrCat(id.value(), " as of ", at.value(),
                      at > raft.commit() ? " (not committed)" : "", ": ",
                      Describe(raft.configuration())));
  }
}

}  // namespace jaco::raft
