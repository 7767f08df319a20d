#include "jaco/raft/conversation.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "jaco/base/time.h"
#include "jaco/raft/describe.h"

namespace jaco::raft {
namespace {

// A conversation that is not quiet by then never will be.
constexpr int kStabilizeEventsMax = 10'000;

uint64_t Number(absl::string_view text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

NodeId Node(absl::string_view text) { return NodeId(Number(text)); }

std::vector<std::string> WordsOf(absl::string_view line) {
  return absl::StrSplit(line, ' ', absl::SkipWhitespace());
}

// The value of "name=value" among `words`.
std::optional<std::string> Option(const std::vector<std::string>& words,
                                  absl::string_view name) {
  for (const std::string& word : words) {
    absl::string_view rest = word;
    if (absl::ConsumePrefix(&rest, name) && absl::ConsumePrefix(&rest, "=")) {
      return std::string(rest);
    }
  }
  return std::nullopt;
}

// "1:1,1:2,3:3".
std::vector<EntryPtr> ParseLog(absl::string_view text) {
  std::vector<EntryPtr> entries;
  for (absl::string_view id : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(id, ':');
    entries.push_back(std::make_shared<const Entry>(
        Entry{.id = {Term(Number(parts.first)), LogIndex(Number(parts.second))},
              .kind = EntryKind::kCommand}));
  }
  return entries;
}

std::string LinkName(NodeId from, NodeId to) {
  return absl::StrCat(from.value(), "->", to.value());
}

}  // namespace

// ---- Set up.

void Conversation::Nodes(const Words& words, const Words& body) {
  ModelDisk disk;
  Options options;
  if (auto value = Option(words, "inflight")) {
    options.inflight_messages_max = Number(*value);
  }
  if (auto value = Option(words, "batch")) {
    options.append_entries_max = Number(*value);
  }
  options.lease_reads = Option(words, "lease").value_or("off") == "on";
  if (auto value = Option(words, "reads")) {
    options.reads_max = Number(*value);
  }
  if (auto value = Option(words, "apply")) {
    options.committed_entries_max = Number(*value);
  }
  std::vector<NodeId> nodes;
  for (size_t i = 1; i < words.size(); ++i) {
    if (Node(words[i]) != kNoNode) nodes.push_back(Node(words[i]));
  }
  Configuration configuration{.voters = nodes};
  if (auto voters = Option(words, "voters")) {
    configuration.voters.clear();
    for (absl::string_view voter : absl::StrSplit(*voters, ',')) {
      configuration.voters.push_back(Node(voter));
    }
  }
  for (NodeId id : nodes) {
    options.id = id;
    disk = {};
    options.priority = kPriorityMax;
    if (configuration.IsVoter(id)) disk.configuration = configuration;
    for (const std::string& line : body) {
      const Words parts = WordsOf(line);
      if (Node(parts[0]) != id) continue;
      disk.entries = ParseLog(Option(parts, "log").value_or(""));
      if (!disk.entries.empty()) {
        disk.hard_state.term = disk.entries.back()->id.term;
      }
      if (auto term = Option(parts, "term")) {
        disk.hard_state.term = Term(Number(*term));
      }
      disk.hard_state.voted_for = Node(Option(parts, "vote").value_or("0"));
      if (auto priority = Option(parts, "priority")) {
        options.priority = static_cast<uint8_t>(Number(*priority));
      }
    }
    servers_[id] = std::make_unique<TestServer>(options, disk, id.value());
    Check(*servers_[id], servers_[id]->Restart());
    // They have been up for long enough to be free in their votes.
    servers_[id]->Advance(options.election_timeout);
  }
}

// ---- Time.

void Conversation::CallDeadline(TestServer& server) {
  Line(absl::StrCat(server.id().value(), " reaches its deadline"));
  Act(server, server.Take([&](Raft& raft) { raft.OnDeadline(server.now()); }));
}

void Conversation::Timeout(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  if (server->deadline() == Instant::Never()) {
    Line(absl::StrCat(words[1], " has no deadline"));
    return;
  }
  if (server->now() < server->deadline()) {
    server->Advance(server->deadline() - server->now());
  }
  CallDeadline(*server);
}

void Conversation::Advance(const Words& words) {
  if (words.size() < 2) return Fail("by how much?");
  const absl::string_view text = absl::StripSuffix(words[1], "ms");
  const Duration time = Milliseconds(static_cast<int64_t>(Number(text)));
  const std::set<std::string> named(words.begin() + 1, words.end());
  for (auto& [id, server] : servers_) {
    if (named.size() > 1 && named.count(absl::StrCat(id.value())) == 0) {
      continue;
    }
    server->Advance(time);
    if (server->up() && server->now() >= server->deadline()) {
      CallDeadline(*server);
    }
  }
}

// ---- The network.

std::deque<Message>* Conversation::Queue(const Words& words, Link* link) {
  const std::pair<std::string, std::string> ends =
      absl::StrSplit(words.size() > 1 ? words[1] : "", "->");
  *link = {Node(ends.first), Node(ends.second)};
  std::deque<Message>& queue = links_[*link];
  if (!queue.empty()) return &queue;
  Fail("nothing is under way there");
  return nullptr;
}

size_t Conversation::Count(const Words& words, size_t all) {
  if (words.size() < 3) return 1;
  return words[2] == "all" ? all : std::min<size_t>(all, Number(words[2]));
}

void Conversation::DeliverOne(const Link& link) {
  const Message message = std::move(links_[link].front());
  links_[link].pop_front();
  TestServer& server = *servers_[link.second];
  Line(absl::StrCat(link.second.value(), " gets from ", link.first.value(),
                    ": ", Describe(message),
                    server.up() ? "" : " (lost: it is down)"));
  if (!server.up()) return;
  Act(server, server.Take([&](Raft& raft) {
    raft.Step(server.now(), link.first, message);
  }));
}

void Conversation::Deliver(const Words& words) {
  Link link;
  std::deque<Message>* queue = Queue(words, &link);
  if (queue == nullptr) return;
  for (size_t n = Count(words, queue->size()); n > 0; --n) DeliverOne(link);
}

void Conversation::Drop(const Words& words) {
  Link link;
  std::deque<Message>* queue = Queue(words, &link);
  if (queue == nullptr) return;
  for (size_t n = Count(words, queue->size()); n > 0; --n) {
    Line(absl::StrCat("lost ", LinkName(link.first, link.second), " ",
                      Describe(queue->front())));
    queue->pop_front();
  }
}

void Conversation::Duplicate(const Words& words) {
  Link link;
  if (std::deque<Message>* queue = Queue(words, &link)) {
    queue->push_back(queue->front());
    Network({"", words[1]});
  }
}

void Conversation::Reorder(const Words& words) {
  Link link;
  if (std::deque<Message>* queue = Queue(words, &link)) {
    queue->push_back(queue->front());
    queue->pop_front();
    Network({"", words[1]});
  }
}

void Conversation::Network(const Words& words) {
  for (const auto& [link, queue] : links_) {
    const std::string name = LinkName(link.first, link.second);
    if (words.size() > 1 && words[1] != name) continue;
    for (const Message& message : queue) {
      Line(absl::StrCat(name, " ", Describe(message)));
    }
  }
}

void Conversation::Partition(const Words& words) {
  std::map<NodeId, int> group;
  int groups = 0;
  for (const std::string& word : words) {
    if (word == "|") ++groups;
    if (Node(word) != kNoNode) group[Node(word)] = groups;
  }
  cut_.clear();
  for (const auto& [a, unused_a] : servers_) {
    for (const auto& [b, unused_b] : servers_) {
      if (group[a] == group[b]) continue;
      cut_.insert({a, b});
      links_[{a, b}].clear();
    }
  }
}

void Conversation::Heal(const Words&) { cut_.clear(); }

void Conversation::Stabilize(const Words& words) {
  std::set<NodeId> among;
  for (size_t i = 1; i < words.size(); ++i) among.insert(Node(words[i]));
  const auto in = [&](NodeId id) { return among.empty() || among.count(id); };
  int events = 0;
  for (bool quiet = false; !quiet;) {
    quiet = true;
    for (auto& [id, server] : servers_) {
      if (!in(id) || !server->up() || server->writes().empty()) continue;
      FinishWrites(*server, server->writes().back().id);
      quiet = false;
    }
    for (const auto& [from, unused_from] : servers_) {
      for (const auto& [to, unused_to] : servers_) {
        if (!in(from) || !in(to) || links_[{from, to}].empty()) continue;
        DeliverOne({from, to});
        quiet = false;
      }
    }
    if (++events > kStabilizeEventsMax) return Fail("it never comes to rest");
  }
}

void Conversation::Lead(const Words& words) {
  Timeout(words);
  Stabilize({});
  if (failed_) return;
  out_.clear();
  const Raft& raft = Server(words, 1)->raft();
  Line(absl::StrCat(words[1], " ",
                    Describe(RoleChange{raft.term(), raft.role(), {}})));
}

// ---- Servers.

void Conversation::AutoPersist(const Words& words) {
  auto_persist_ = words.size() > 1 && words[1] == "on";
}

void Conversation::FinishWrites(TestServer& server, PersistId upto) {
  Line(absl::StrCat(server.id().value(), " has written #", upto.value()));
  Act(server, server.FinishWrites(upto));
}

void Conversation::PersistWrites(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  if (server->writes().empty()) return Fail("nothing is to be written");
  FinishWrites(*server, words.size() > 2 ? PersistId(Number(words[2]))
                                         : server->writes().back().id);
}

void Conversation::RefuseWrites(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  if (server->writes().empty()) return Fail("nothing is to be written");
  Act(*server, server->RefuseWrites());
}

void Conversation::Propose(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  const std::string text = words.size() > 2 ? words[2] : "";
  absl::StatusOr<EntryId> id = EntryId();
  const Ready ready =
      server->Take([&](Raft& raft) { id = raft.Propose(server->now(), text); });
  Line(id.ok() ? absl::StrCat(words[1], " proposes ", Describe(*id))
               : absl::StrCat(words[1], " refuses: ", id.status().message()));
  Act(*server, ready);
}

void Conversation::Read(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  const ReadId id(Number(words.size() > 2 ? words[2] : ""));
  Act(*server,
      server->Take([&](Raft& raft) { raft.RequestRead(server->now(), id); }));
}

void Conversation::Crash(const Words& words) {
  TestServer* server = Server(words, 1);
  if (server == nullptr) return;
  for (const Persist& write : server->writes()) {
    Line(absl::StrCat("lost: ", words[1], " ", Describe(write)));
  }
  server->Crash();
  checker_.OnCrash(server->id());
}

void Conversation::Restart(const Words& words) {
  const auto it = servers_.find(Node(words.size() > 1 ? words[1] : ""));
  if (it == servers_.end() || it->second->up()) {
    return Fail("no such server, or it is up");
  }
  if (auto lease = Option(words, "lease")) {
    it->second->options().lease_reads = *lease == "on";
  }
  Act(*it->second, it->second->Restart());
}

void Conversation::Damage(const Words& words) {
  const auto it = servers_.find(Node(words.size() > 1 ? words[1] : ""));
  const size_t keep = Number(Option(words, "keep").value_or("0"));
  if (it == servers_.end() || it->second->up() ||
      keep > it->second->disk().entries.size()) {
    return Fail("no such server, or it is up, or has less to keep");
  }
  it->second->Damage(keep);
}

// ---- What all have in common.

void Conversation::Line(absl::string_view line) {
  absl::StrAppend(&out_, line, "\n");
}

void Conversation::Fail(absl::string_view what) {
  failed_ = true;
  Line(absl::StrCat("FAILED: ", what));
}

TestServer* Conversation::Server(const Words& words, size_t at) {
  const auto it = servers_.find(Node(words.size() > at ? words[at] : ""));
  if (it != servers_.end() && it->second->up()) return it->second.get();
  Fail("no such server, or it is down");
  return nullptr;
}

void Conversation::Say(NodeId id, const Ready& ready) {
  const auto say = [&](absl::string_view text) {
    Line(absl::StrCat("  ", id.value(), " ", text));
  };
  if (ready.role_change.has_value()) say(Describe(*ready.role_change));
  if (ready.persist.has_value()) say(Describe(*ready.persist));
  for (const auto& [to, message] : ready.messages) {
    const bool lost = cut_.count({id, to}) != 0;
    Line(absl::StrCat("  ", LinkName(id, to), " ", Describe(message),
                      lost ? " (lost)" : ""));
    if (!lost) links_[{id, to}].push_back(message);
  }
  if (!ready.committed.empty()) {
    say(absl::StrCat("applies ", Describe(ready.committed)));
  }
  for (const ReadResult& read : ready.reads) say(Describe(read));
  for (const SnapshotToSend& wanted : ready.snapshots_to_send) {
    snapshot_sessions_[{id, wanted.to}] = wanted.session;
    say(absl::StrCat("wants a snapshot sent to ", wanted.to.value()));
  }
}

void Conversation::Act(TestServer& server, const Ready& ready) {
  Say(server.id(), ready);
  Check(server, ready);
  if (auto_persist_ && !server.writes().empty()) {
    FinishWrites(server, server.writes().back().id);
  }
}

void Conversation::Check(TestServer& server, const Ready& ready) {
  std::vector<const Raft*> up;
  for (const auto& [id, other] : servers_) {
    if (other->up()) up.push_back(&other->raft());
  }
  absl::Status status = server.status();
  if (status.ok()) status = checker_.Check(server.raft(), ready.committed, up);
  if (!status.ok()) Fail(status.message());
}

std::string Conversation::Run(absl::string_view command) {
  using Handler = void (Conversation::*)(const Words&);
  static const auto& handlers = *new std::map<std::string, Handler>{
      {"lead", &Conversation::Lead},
      {"timeout", &Conversation::Timeout},
      {"advance", &Conversation::Advance},
      {"deliver", &Conversation::Deliver},
      {"drop", &Conversation::Drop},
      {"duplicate", &Conversation::Duplicate},
      {"reorder", &Conversation::Reorder},
      {"auto-persist", &Conversation::AutoPersist},
      {"persist", &Conversation::PersistWrites},
      {"refuse", &Conversation::RefuseWrites},
      {"propose", &Conversation::Propose},
      {"read", &Conversation::Read},
      {"compact", &Conversation::Compact},
      {"snapshot", &Conversation::Snapshot},
      {"sent", &Conversation::SnapshotSent},
      {"failed", &Conversation::SnapshotFailed},
      {"change", &Conversation::Change},
      {"transfer", &Conversation::Transfer},
      {"reset", &Conversation::Reset},
      {"members", &Conversation::Members},
      {"stabilize", &Conversation::Stabilize},
      {"crash", &Conversation::Crash},
      {"restart", &Conversation::Restart},
      {"damage", &Conversation::Damage},
      {"partition", &Conversation::Partition},
      {"heal", &Conversation::Heal},
      {"status", &Conversation::Status},
      {"log", &Conversation::Log},
      {"network", &Conversation::Network},
  };
  out_.clear();
  Words lines = absl::StrSplit(command, '\n', absl::SkipWhitespace());
  const Words words = WordsOf(lines[0]);
  lines.erase(lines.begin());
  if (words[0] == "nodes") {
    Nodes(words, lines);
  } else if (const auto it = handlers.find(words[0]); it != handlers.end()) {
    (this->*it->second)(words);
  } else {
    Fail(absl::StrCat("no such command: ", words[0]));
  }
  if (out_.empty()) Line("ok");
  return out_;
}

std::string RunConversation(absl::string_view file, bool* failed) {
  Conversation conversation;
  std::string result;
  std::string command;
  bool in_output = false;
  for (absl::string_view line :
       absl::StrSplit(absl::StripSuffix(file, "\n"), '\n')) {
    if (line == "----") {
      absl::StrAppend(&result, command, "----\n", conversation.Run(command));
      command.clear();
      in_output = true;
    } else if (line.empty()) {
      result += "\n";
      in_output = false;
    } else if (line[0] == '#') {
      absl::StrAppend(&result, line, "\n");
    } else if (!in_output) {
      absl::StrAppend(&command, line, "\n");
    }
  }
  // A command without its line is easily overlooked: say so in its place.
  if (!command.empty()) absl::StrAppend(&result, command, "FAILED: no ----\n");
  *failed = conversation.failed() || !command.empty();
  return result;
}

}  // namespace jaco::raft
