// The commands about snapshots. A snapshot is the entry that it ends with: what
// is in it does not matter to the core.

#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "jaco/raft/conversation.h"
#include "jaco/raft/describe.h"

namespace jaco::raft {
namespace {

uint64_t NumberAt(const std::vector<std::string>& words, size_t at) {
  uint64_t number = 0;
  if (words.size() > at && absl::SimpleAtoi(words[at], &number)) return number;
  return 0;
}

// "1->2" as {"", "1", "2"}.
std::vector<std::string> EndsOf(const std::vector<std::string>& words) {
  const std::pair<std::string, std::string> ends =
      absl::StrSplit(words.size() > 1 ? words[1] : "", "->");
  return {"", ends.first, ends.second};
}

}  // namespace

void Conversation::Compact(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  const LogIndex index(NumberAt(words, 2));
  if (index > server->raft().applied()) return Fail("that is not applied");
  const Ready ready = server->Compact(index);
  Line(absl::StrCat(words[1], " begins behind ",
                    Describe(server->raft().log().start())));
  Act(*server, ready);
}

void Conversation::Snapshot(const Words& words) {
  TestServer* from = Server(EndsOf(words), 1);
  TestServer* to = Server(EndsOf(words), 2);
  if (from == nullptr || to == nullptr) return;
  const LogIndex index(NumberAt(words, 2));
  const std::optional<Term> term = from->raft().log().TermAt(index);
  if (!term.has_value()) return Fail("it does not know that entry");
  const EntryId last{*term, index};
  bool installed = false;
  const Ready ready = to->Take([&](Raft& raft) {
    installed = raft.InstallSnapshot(to->now(), last,
                                     from->raft().ConfigurationAt(index));
  });
  Line(absl::StrCat(to->id().value(),
                    installed ? " installs the snapshot of "
                              : " has no use for the snapshot of ",
                    Describe(last)));
  Act(*to, ready);
}

void Conversation::SnapshotSent(const Words& words) {
  TestServer* from = Server(EndsOf(words), 1);
  TestServer* to = Server(EndsOf(words), 2);
  if (from == nullptr || to == nullptr) return;
  const LogIndex index(NumberAt(words, 2));
  const EntryId last{from->raft().log().TermAt(index).value_or(Term()), index};
  Act(*from, from->Take([&](Raft& raft) {
    raft.OnSnapshotSent(from->now(), to->id(),
                        snapshot_sessions_[{from->id(), to->id()}], last);
  }));
}

void Conversation::SnapshotFailed(const Words& words) {
  TestServer* from = Server(EndsOf(words), 1);
  if (from == nullptr) return;
  const NodeId to(NumberAt(EndsOf(words), 2));
  Act(*from,
      from->Take([&](Raft& raft) { raft.OnSnapshotFailed(from->now(), to); }));
}

}  // namespace jaco::raft
