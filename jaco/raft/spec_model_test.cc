// The specification by itself, without the core: within small bounds, whatever
// its actions lead to is safe (figure 3.2). What may be sent is taken to be
// sent at once, and never goes away; so it may arrive whenever it can.

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "gtest/gtest.h"
#include "jaco/base/prng.h"
#include "jaco/raft/spec.h"

namespace jaco::raft::spec {
namespace {

constexpr size_t kServersHere = 3;  // at most

struct Bounds {
  size_t servers = kServersHere;
  Term terms = 2;
  Index entries = 1;
  int restarts = 0;
  int step_downs = 0;
  bool instant_disk = true;
  Members founding{0b1110, 0};
  // What leaders may change to.
  std::vector<Members> changes;
  // A planted bug, done to a server that restarts.
  std::function<void(Server&)> flaw;
};

// Values that stand for a number each.
template <typename Value>
class Numbered {
 public:
  uint32_t Number(const Value& value) {
    const auto [it, fresh] = numbers_.try_emplace(
        Describe(value), static_cast<uint32_t>(values_.size()));
    if (fresh) values_.push_back(value);
    return it->second;
  }
  const Value& At(uint32_t number) const { return values_[number]; }

 private:
  std::map<std::string, uint32_t> numbers_;
  std::deque<Value> values_;  // At's references outlive the next Number
};

struct State {
  std::array<uint32_t, kServersHere> servers = {};
  std::vector<uint32_t> messages;  // ascending
  int restarts = 0;
  int step_downs = 0;
  // What was, by term and by index: the leader; the term of what is committed,
  // and the lowest term in which that was known.
  std::array<Id, 5> leaders = {};
  std::vector<std::pair<Term, Term>> chosen;
};

class Model {
 public:
  explicit Model(Bounds bounds) : bounds_(std::move(bounds)) {}

  // What is broken; empty: nothing, and all was visited.
  std::string Run();
  size_t states() const { return seen_.size(); }
  size_t committed() const { return committed_; }

 private:
  using Action = std::function<bool(Server&)>;

  void Expand(const State& state);
  void Hear(const State& state, size_t at);
  uint32_t After(uint32_t number, const Action& action);
  void Become(State next, size_t at, uint32_t number);
  void Try(const State& state, size_t at, const Action& action);
  void TryOwn(const State& state, size_t at);
  void Visit(State& state, size_t at);
  void SendAll(State& state, const Server& server);
  const std::vector<uint32_t>& Sendable(const Server& server);
  void Offer(const Server& server, Message message,
             std::vector<uint32_t>& numbers);
  std::string Check(State& state, const Server& server);

  const Bounds bounds_;
  Numbered<Server> servers_;
  Numbered<Message> messages_;
  std::map<uint32_t, std::vector<uint32_t>> sendable_;
  // By server and message.
  absl::flat_hash_map<uint64_t, std::pair<uint32_t, uint32_t>> heard_;
  absl::flat_hash_set<uint64_t> seen_;
  std::vector<State> next_;
  std::string violation_;
  size_t committed_ = 0;
};

void Model::Offer(const Server& server, Message message,
                  std::vector<uint32_t>& numbers) {
  message.from = server.id;
  if (!std::holds_alternative<Snapshot>(message.body)) {
    message.term = server.memory.term;
  }
  if (MaySend(server, message)) numbers.push_back(messages_.Number(message));
}

// All that `server` may send as it stands; to 0 is to all.
const std::vector<uint32_t>& Model::Sendable(const Server& server) {
  const auto [it, fresh] = sendable_.try_emplace(servers_.Number(server));
  std::vector<uint32_t>& numbers = it->second;
  if (!fresh) return numbers;
  const Log& log = server.memory.log;
  if (server.memory.term > 0) Offer(server, {.body = Refusal{}}, numbers);
  Offer(server, {.body = VoteRequest{Last(log)}}, numbers);
  for (Id to = 1; to <= bounds_.servers; ++to) {
    if (server.memory.term == 0 || to == server.id) continue;
    Offer(server, {.to = to, .body = Vote{}}, numbers);
    for (Index match = 1; match <= server.agreed; ++match) {
      Offer(server, {.to = to, .body = Acknowledgement{match}}, numbers);
    }
  }
  for (Index from = 0; from <= log.size(); ++from) {
    const auto begin = log.begin() + static_cast<ptrdiff_t>(from);
    const Position previous = Last(Log(log.begin(), begin));
    for (Index to = from; to <= log.size(); ++to) {
      const Log part(begin, log.begin() + static_cast<ptrdiff_t>(to));
      for (Index commit = 0; commit <= server.commit; ++commit) {
        Offer(server, {.body = Append{previous, part, commit}}, numbers);
      }
      if (from == 0 && to > 0) Offer(server, {.body = Snapshot{part}}, numbers);
    }
  }
  return numbers;
}

void Model::SendAll(State& state, const Server& server) {
  for (uint32_t message : Sendable(server)) {
    const auto at =
        std::lower_bound(state.messages.begin(), state.messages.end(), message);
    if (at != state.messages.end() && *at == message) continue;
    state.messages.insert(at, message);
  }
}

std::string Model::Check(State& state, const Server& server) {
  const Term term = server.memory.term;
  const Log& log = server.memory.log;
  for (Index i = 0; i < server.commit; ++i) {
    if (i == state.chosen.size()) state.chosen.emplace_back(log[i].term, term);
    auto& [chosen, known_in] = state.chosen[i];
    if (chosen != log[i].term) return "a committed entry was replaced";
    known_in = std::min(known_in, term);
  }
  committed_ = std::max(committed_, state.chosen.size());
  if (server.role != Role::kLeader) return "";
  Id& leader = state.leaders[term];
  if (leader != 0 && leader != server.id) return "two leaders in a term";
  leader = server.id;
  for (Index i = 0; i < state.chosen.size(); ++i) {
    const auto& [chosen, known_in] = state.chosen[i];
    if (known_in >= term) continue;
    if (i >= log.size() || log[i].term != chosen) {
      return "a leader lacks what was committed before";
    }
  }
  return "";
}

void Model::Visit(State& state, size_t at) {
  const Server& server = servers_.At(state.servers[at]);
  SendAll(state, server);
  const std::string violation = Check(state, server);
  if (violation_.empty()) violation_ = violation;
  uint64_t key = 0;
  const auto add = [&](uint64_t value) { key = Mix64(key ^ value); };
  for (uint32_t number : state.servers) add(number);
  for (uint32_t number : state.messages) add(number);
  for (Id leader : state.leaders) add(leader);
  for (const auto& [term, known_in] : state.chosen) add(term << 8 | known_in);
  add(static_cast<uint64_t>(state.restarts << 8 | state.step_downs));
  if (seen_.insert(key).second) next_.push_back(std::move(state));
}

// What becomes of a server by an action; itself if that is not enabled.
uint32_t Model::After(uint32_t number, const Action& action) {
  Server server = servers_.At(number);
  if (!action(server)) return number;
  if (bounds_.instant_disk) {
    Write(server);
    while (FinishWrite(server)) continue;
  }
  return servers_.Number(server);
}

void Model::Become(State next, size_t at, uint32_t number) {
  if (number == next.servers[at]) return;
  next.servers[at] = number;
  Visit(next, at);
}

void Model::Try(const State& state, size_t at, const Action& action) {
  Become(state, at, After(state.servers[at], action));
}

void Model::TryOwn(const State& state, size_t at) {
  const Server& server = servers_.At(state.servers[at]);
  const Log& log = server.memory.log;
  if (server.memory.term < bounds_.terms) Try(state, at, Timeout);
  Try(state, at, CountOwnVote);
  Try(state, at, BecomeLeader);
  if (state.step_downs < bounds_.step_downs) {
    State next = state;
    ++next.step_downs;
    Try(next, at, StepDown);
  }
  if (log.size() < bounds_.entries) {
    const Entry entry{.term = server.memory.term};
    Try(state, at, [&](Server& s) { return AppendOwn(s, entry); });
    for (const Members& members : bounds_.changes) {
      const Entry change{server.memory.term, Kind::kMembers, members};
      Try(state, at, [&](Server& s) { return AppendOwn(s, change); });
    }
  }
  for (Index to = server.commit + 1; to <= log.size(); ++to) {
    Try(state, at, [&](Server& s) { return AdvanceCommit(s, to); });
  }
  if (!bounds_.instant_disk) {
    if (server.writes.empty() && server.memory != server.disk) {
      Try(state, at, Write);
    }
    Try(state, at, FinishWrite);
  }
  if (state.restarts < bounds_.restarts) {
    State next = state;
    ++next.restarts;
    Try(next, at, [&](Server& s) {
      if (!Restart(s, 0)) return false;
      if (bounds_.flaw) bounds_.flaw(s);
      return true;
    });
  }
}

void Model::Hear(const State& state, size_t at) {
  const uint32_t server = state.servers[at];
  const Id id = servers_.At(server).id;
  for (uint32_t number : state.messages) {
    const auto [it, fresh] =
        heard_.try_emplace(uint64_t{server} << 32 | number);
    if (fresh) {
      const Message message = messages_.At(number);
      const bool hears =
          message.from != id && (message.to == 0 || message.to == id);
      auto& [in_term, in_later_term] = it->second;
      in_term = in_later_term = server;
      if (hears) {
        in_term = After(server, [&](Server& s) { return Receive(s, message); });
        in_later_term =
            After(server, [&](Server& s) { return UpdateTerm(s, message); });
      }
    }
    const auto [in_term, in_later_term] = it->second;
    Become(state, at, in_term);
    Become(state, at, in_later_term);
  }
}

void Model::Expand(const State& state) {
  for (size_t at = 0; at < bounds_.servers; ++at) {
    TryOwn(state, at);
    Hear(state, at);
  }
}

std::string Model::Run() {
  State beginning;
  for (Id id = 1; id <= bounds_.servers; ++id) {
    const bool founds = (bounds_.founding.voters >> id & 1U) != 0;
    beginning.servers[id - 1] = servers_.Number(
        {.id = id, .founding = founds ? bounds_.founding : Members()});
  }
  Visit(beginning, 0);
  while (!next_.empty() && violation_.empty()) {
    for (const State& state : std::exchange(next_, {})) Expand(state);
  }
  return violation_;
}

void ExpectSafe(const Bounds& bounds) {
  Model model(bounds);
  EXPECT_EQ(model.Run(), "");
  EXPECT_GT(model.committed(), 0U);
  std::cout << model.states() << " states, " << model.committed()
            << " entries committed\n";
}

TEST(SpecModelTest, TwoTerms) { ExpectSafe({}); }

TEST(SpecModelTest, RestartAndStepDown) {
  ExpectSafe({.terms = 1, .restarts = 1, .step_downs = 1});
}

TEST(SpecModelTest, SlowDisksAndRestart) {
  ExpectSafe({.terms = 1, .restarts = 1, .instant_disk = false});
}

// From server 1 to 1 and 2.
TEST(SpecModelTest, MembersChange) {
  ExpectSafe({.servers = 2,
              .terms = 2,
              .entries = 3,
              .founding = {0b0010, 0},
              .changes = {{0b0110, 0b0010}, {0b0110, 0}}});
}

// The tester is tested.
TEST(SpecModelTest, AVoteThatIsForgottenElectsTwoLeaders) {
  Model model({.terms = 1, .restarts = 1, .flaw = [](Server& server) {
                 server.memory.voted_for = 0;
               }});
  EXPECT_EQ(model.Run(), "two leaders in a term");
}

}  // namespace
}  // namespace jaco::raft::spec
