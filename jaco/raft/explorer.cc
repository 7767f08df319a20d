#include "jaco/raft/explorer.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/prng.h"
#include "jaco/raft/cluster_checker.h"
#include "jaco/raft/describe.h"
#include "jaco/raft/explorer_servers.h"
#include "jaco/raft/quorum.h"

namespace jaco::raft {
namespace {

constexpr size_t kServersMax = 4;
constexpr size_t kFlightsMax = 24;
constexpr size_t kTermsMax = 8;
constexpr size_t kEntriesMax = 12;

struct Chosen {
  uint8_t term = 0;
  uint8_t known_in = 0;  // the lowest term in which it was known committed
};

// What may be done so many times yet.
enum Budget : uint8_t {
  kProposals,
  kCrashes,
  kLosses,
  kDuplicates,
  kCompactions,
  kTransfers,
  kElections,
  kGiveUps,
  kHeartbeats,
  kChanges,
  kBudgets,
};

struct State {
  std::array<ServerRef, kServersMax> servers = {};
  std::array<FlightRef, kFlightsMax> flights = {};  // ascending, each once
  uint8_t flight_count = 0;
  std::array<int16_t, kBudgets> budgets = {};
  // What is true of all that was before this state.
  std::array<uint8_t, kTermsMax> leaders = {};      // by term
  std::array<Chosen, kEntriesMax + 1> chosen = {};  // by index
  uint32_t node = 0;                                // see Explorer::nodes_
};

class Explorer {
 public:
  explicit Explorer(const Scenario& scenario)
      : scenario_(scenario),
        renamings_(Renamings()),
        servers_(scenario, renamings_) {
    JACO_CHECK(scenario.servers <= kServersMax);
  }

  Exploration Run();

 private:
  enum class How : uint8_t { kBegins, kDoes, kLoses, kKeeps };
  // How a state was come by first.
  struct Node {
    uint32_t parent = 0;
    How how = How::kBegins;
    uint8_t server = 0;
    Input input{Input::Kind::kMessage};
  };

  std::vector<std::vector<NodeId>> Renamings() const;
  State Beginning();
  void Lead(State& state);
  void Expand(const State& state);
  void Messages(const State& state);
  void AtServer(const State& state, size_t at);
  void AtLeader(const State& state, size_t at);
  void Lose(State next, size_t flight);
  void Do(State next, Node node);
  void Spend(const State& state, Budget budget, Node node);
  void AddFlight(State& state, FlightRef ref) const;
  static void RemoveFlight(State& state, size_t at);
  void Visit(State& state, const Node& node);
  uint64_t HashOf(const State& state) const;
  std::string Check(State& state, size_t at);
  std::string CheckChosen(State& state, const Raft& raft);
  std::string CheckLogs(const State& state, size_t at);
  bool OnQuorum(const State& state, const Raft& leader,
                const EntryId& id) const;
  std::vector<std::string> StepsTo(uint32_t node) const;

  const Raft& RaftOf(const State& state, size_t at) const {
    return servers_.At(state.servers[at]).raft;
  }

  const Scenario scenario_;
  const std::vector<std::vector<NodeId>> renamings_;
  ExplorerServers servers_;
  absl::flat_hash_set<uint64_t> seen_;
  absl::flat_hash_set<uint64_t> matching_;  // pairs of servers
  std::vector<Node> nodes_;
  std::vector<State> next_;
  Exploration result_;
};

// ---- Names.

// All under which the same is done: those that change neither configuration. A
// leader that leaves prefers the lower of two equals (Raft::StepAside), so then
// names matter.
std::vector<std::vector<NodeId>> Explorer::Renamings() const {
  std::vector<NodeId> names;
  for (uint64_t id = 1; id <= scenario_.servers; ++id) {
    names.push_back(NodeId(id));
  }
  const auto keeps = [&](const std::vector<NodeId>& set) {
    return std::all_of(set.begin(), set.end(), [&](NodeId id) {
      return std::binary_search(set.begin(), set.end(), names[id.value() - 1]);
    });
  };
  std::vector<std::vector<NodeId>> result{names};
  const std::vector<NodeId>& stay = scenario_.target.voters;
  if (!stay.empty() && !std::includes(stay.begin(), stay.end(),
                                      scenario_.founding.voters.begin(),
                                      scenario_.founding.voters.end())) {
    return result;
  }
  while (std::next_permutation(names.begin(), names.end())) {
    if (keeps(scenario_.founding.voters) && keeps(scenario_.target.voters)) {
      result.push_back(names);
    }
  }
  return result;
}

uint64_t Explorer::HashOf(const State& state) const {
  uint64_t rest = 0;
  for (int16_t budget : state.budgets) {
    rest = rest * 1009 + static_cast<uint64_t>(budget);
  }
  rest = Mix64(rest);
  for (const Chosen& chosen : state.chosen) {
    if (chosen.term == 0) continue;
    rest = Mix64(rest ^ (uint64_t{chosen.term} << 8 | chosen.known_in));
  }
  constexpr size_t kMembersMax = kServersMax + kFlightsMax;
  std::array<const uint64_t*, kMembersMax> parts;
  size_t count = 0;
  for (size_t i = 0; i < scenario_.servers; ++i) {
    parts[count++] = servers_.At(state.servers[i]).hashes.data();
  }
  for (size_t i = 0; i < state.flight_count; ++i) {
    parts[count++] = servers_.FlightAt(state.flights[i]).hashes.data();
  }
  uint64_t least = ~uint64_t{0};
  for (size_t r = 0; r < renamings_.size(); ++r) {
    uint64_t hash = rest;
    for (size_t i = 0; i < count; ++i) hash += parts[i][r];
    for (uint64_t term = 1; term <= scenario_.term_max.value() + 1; ++term) {
      const uint8_t leader = state.leaders[term];
      if (leader == 0) continue;
      hash += Mix64(term << 8 | renamings_[r][leader - 1U].value());
    }
    least = std::min(least, Mix64(hash));
  }
  return least;
}

// ---- Steps.

void Explorer::RemoveFlight(State& state, size_t at) {
  const auto from = state.flights.begin() + static_cast<ptrdiff_t>(at);
  std::move(from + 1, state.flights.begin() + state.flight_count, from);
  state.flights[--state.flight_count] = 0;
}

void Explorer::AddFlight(State& state, FlightRef ref) const {
  const auto begin = state.flights.begin();
  const auto end = begin + state.flight_count;
  const auto at = std::lower_bound(begin, end, ref);
  if (at != end && *at == ref) return;
  const Flight& flight = servers_.FlightAt(ref);
  const auto on_link = std::count_if(begin, end, [&](FlightRef other) {
    const Flight& o = servers_.FlightAt(other);
    return o.from == flight.from && o.to == flight.to;
  });
  if (static_cast<size_t>(on_link) >= scenario_.link_messages_max) return;
  JACO_CHECK(state.flight_count < kFlightsMax);
  std::move_backward(at, end, end + 1);
  *at = ref;
  ++state.flight_count;
}

void Explorer::Do(State next, Node node) {
  const Outcome& outcome = servers_.Take(next.servers[node.server], node.input);
  if (!outcome.accepted) return;
  next.servers[node.server] = outcome.server;
  for (FlightRef flight : outcome.sent) AddFlight(next, flight);
  std::string violation = outcome.violation;
  if (violation.empty() && scenario_.judge != Judge::kSpecification) {
    violation = Check(next, node.server);
  }
  if (!violation.empty() && result_.violation.empty()) {
    result_.violation = violation;
    nodes_.push_back(node);
    result_.steps = StepsTo(static_cast<uint32_t>(nodes_.size() - 1));
  }
  Visit(next, node);
}

void Explorer::Spend(const State& state, Budget budget, Node node) {
  if (state.budgets[budget] <= 0) return;
  State next = state;
  // As good as without end: not a part of the state.
  if (next.budgets[budget] < kNoEnd) --next.budgets[budget];
  Do(next, node);
}

void Explorer::Lose(State next, size_t flight) {
  if (next.budgets[kLosses] == 0) return;
  --next.budgets[kLosses];
  const Node node{
      next.node, How::kLoses, 0, {Input::Kind::kMessage, next.flights[flight]}};
  RemoveFlight(next, flight);
  Visit(next, node);
}

void Explorer::Messages(const State& state) {
  for (size_t i = 0; i < state.flight_count; ++i) {
    const FlightRef ref = state.flights[i];
    const auto to = static_cast<uint8_t>(servers_.FlightAt(ref).to.value() - 1);
    const Input input{Input::Kind::kMessage, ref};
    State next = state;
    RemoveFlight(next, i);
    Do(next, {state.node, How::kDoes, to, input});
    Lose(state, i);
    Spend(state, kDuplicates, {state.node, How::kKeeps, to, input});
  }
}

void Explorer::AtLeader(const State& state, size_t at) {
  const auto node = [&](Input::Kind kind, uint32_t argument = 0) {
    return Node{
        state.node, How::kDoes, static_cast<uint8_t>(at), {kind, argument}};
  };
  Spend(state, kHeartbeats, node(Input::Kind::kHeartbeat));
  Spend(state, kGiveUps, node(Input::Kind::kGiveUp));
  Spend(state, kProposals, node(Input::Kind::kPropose));
  Spend(state, kChanges, node(Input::Kind::kChange));
  if (RaftOf(state, at).term() >= scenario_.term_max) return;
  for (uint32_t target = 1; target <= scenario_.servers; ++target) {
    if (target == at + 1) continue;
    Spend(state, kTransfers, node(Input::Kind::kTransfer, target));
  }
}

void Explorer::AtServer(const State& state, size_t at) {
  const ExploredServer& server = servers_.At(state.servers[at]);
  const auto node = [&](Input::Kind kind) {
    return Node{state.node, How::kDoes, static_cast<uint8_t>(at), {kind, 0}};
  };
  if (!server.writes.empty()) Do(state, node(Input::Kind::kWritten));
  if (server.raft.role() == Role::kLeader) {
    AtLeader(state, at);
  } else if (server.raft.term() < scenario_.term_max) {
    Spend(state, kElections, node(Input::Kind::kPatience));
  }
  Spend(state, kCrashes, node(Input::Kind::kCrash));
  Spend(state, kCompactions, node(Input::Kind::kCompact));
}

// ---- States.

State Explorer::Beginning() {
  State state;
  state.budgets[kProposals] = static_cast<int16_t>(scenario_.proposals);
  state.budgets[kCrashes] = static_cast<int16_t>(scenario_.crashes);
  state.budgets[kLosses] = static_cast<int16_t>(scenario_.losses);
  state.budgets[kDuplicates] = static_cast<int16_t>(scenario_.duplicates);
  state.budgets[kCompactions] = static_cast<int16_t>(scenario_.compactions);
  state.budgets[kTransfers] = static_cast<int16_t>(scenario_.transfers);
  state.budgets[kElections] = static_cast<int16_t>(scenario_.elections);
  state.budgets[kGiveUps] = static_cast<int16_t>(scenario_.give_ups);
  state.budgets[kHeartbeats] = static_cast<int16_t>(scenario_.heartbeats);
  state.budgets[kChanges] = static_cast<int16_t>(
      scenario_.target.voters.empty() ? 0 : scenario_.changes);
  for (size_t i = 0; i < scenario_.servers; ++i) {
    state.servers[i] = servers_.Start(NodeId(i + 1));
  }
  if (scenario_.led) Lead(state);
  return state;
}

void Explorer::Lead(State& state) {
  const auto take = [&](size_t at, const Input& input) {
    const Outcome& outcome = servers_.Take(state.servers[at], input);
    if (result_.violation.empty()) result_.violation = outcome.violation;
    state.servers[at] = outcome.server;
    for (FlightRef flight : outcome.sent) AddFlight(state, flight);
    const std::string violation = Check(state, at);
    if (result_.violation.empty() && scenario_.judge != Judge::kSpecification) {
      result_.violation = violation;
    }
  };
  take(0, {Input::Kind::kPatience});
  for (bool quiet = false; !quiet && result_.violation.empty();) {
    quiet = true;
    for (size_t i = 0; i < scenario_.servers; ++i) {
      while (!servers_.At(state.servers[i]).writes.empty() &&
             result_.violation.empty()) {
        take(i, {Input::Kind::kWritten});
        quiet = false;
      }
    }
    if (state.flight_count == 0) continue;
    const FlightRef flight = state.flights[0];
    RemoveFlight(state, 0);
    take(servers_.FlightAt(flight).to.value() - 1,
         {Input::Kind::kMessage, flight});
    quiet = false;
  }
}

bool Explorer::OnQuorum(const State& state, const Raft& leader,
                        const EntryId& id) const {
  return ReachedByQuorum<bool>(leader.configuration(), [&](NodeId voter) {
    return servers_.At(state.servers[voter.value() - 1]).disk.Holds(id);
  });
}

std::string Explorer::CheckChosen(State& state, const Raft& raft) {
  const bool leads = raft.role() == Role::kLeader;
  const auto term = static_cast<uint8_t>(raft.term().value());
  JACO_CHECK(raft.last().index.value() <= kEntriesMax);
  for (LogIndex i = raft.log().start().index; i < raft.commit();) {
    const EntryId id = raft.log().At(++i)->id;
    Chosen& chosen = state.chosen[i.value()];
    if (chosen.term == 0) {
      chosen = {static_cast<uint8_t>(id.term.value()), term};
      if (leads && !OnQuorum(state, raft, id)) {
        return absl::StrCat(Describe(id),
                            " is committed and not durable on a quorum");
      }
    }
    if (chosen.term != id.term.value()) {
      return absl::StrCat("server ", raft.id().value(), " has committed ",
                          Describe(id), ", before it was of term ",
                          chosen.term);
    }
    chosen.known_in = std::min(chosen.known_in, term);
  }
  for (LogIndex i = raft.log().start().index.Next();
       leads && i.value() <= kEntriesMax; ++i) {
    const Chosen& chosen = state.chosen[i.value()];
    const EntryId id{Term(chosen.term), i};
    if (chosen.term == 0 || chosen.known_in >= term) continue;
    if (raft.log().Contains(id)) continue;
    return absl::StrCat("the leader of term ", term, " lacks ", Describe(id));
  }
  return "";
}

std::string Explorer::CheckLogs(const State& state, size_t at) {
  for (size_t other = 0; other < scenario_.servers; ++other) {
    if (other == at) continue;
    const uint64_t pair =
        uint64_t{state.servers[at]} << 32 | state.servers[other];
    if (!matching_.insert(pair).second) continue;
    const absl::Status status =
        CheckLogMatching(RaftOf(state, at), RaftOf(state, other));
    if (!status.ok()) return std::string(status.message());
  }
  return "";
}

// What server `at` came to be may not contradict what is or was elsewhere.
std::string Explorer::Check(State& state, size_t at) {
  const Raft& raft = RaftOf(state, at);
  if (raft.role() == Role::kLeader) {
    JACO_CHECK(raft.term().value() < kTermsMax);
    uint8_t& leader = state.leaders[raft.term().value()];
    if (leader != 0 && leader != at + 1) {
      return absl::StrCat("two leaders in term ", raft.term().value());
    }
    leader = static_cast<uint8_t>(at + 1);
  }
  std::string violation = CheckChosen(state, raft);
  return violation.empty() ? CheckLogs(state, at) : violation;
}

std::vector<std::string> Explorer::StepsTo(uint32_t at) const {
  std::vector<std::string> steps;
  for (; nodes_[at].how != How::kBegins; at = nodes_[at].parent) {
    const Node& node = nodes_[at];
    const std::string what = servers_.Text(node.input);
    const bool message = node.input.kind == Input::Kind::kMessage;
    steps.push_back(node.how == How::kLoses
                        ? "lost " + what
                        : absl::StrCat(node.server + 1,
                                       node.how == How::kKeeps ? " keeps "
                                       : message               ? " gets "
                                                               : " ",
                                       what));
  }
  std::reverse(steps.begin(), steps.end());
  return steps;
}

void Explorer::Visit(State& state, const Node& node) {
  if (!seen_.insert(HashOf(state)).second) return;
  state.node = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back(node);
  next_.push_back(state);
}

void Explorer::Expand(const State& state) {
  Messages(state);
  for (size_t i = 0; i < scenario_.servers; ++i) AtServer(state, i);
}

Exploration Explorer::Run() {
  State beginning = Beginning();
  Visit(beginning, {});
  const auto full = [&] {
    return scenario_.states_max > 0 && seen_.size() >= scenario_.states_max;
  };
  bool stopped = false;
  while (!next_.empty() && result_.violation.empty() && !stopped) {
    const std::vector<State> level = std::exchange(next_, {});
    for (const State& state : level) {
      stopped = full() || !result_.violation.empty();
      if (stopped) break;
      Expand(state);
    }
    if (!stopped) ++result_.depth;
  }
  result_.states = seen_.size();
  servers_.Summarize(&result_);
  result_.complete = !stopped && result_.violation.empty();
  return result_;
}

}  // namespace

Exploration Explore(const Scenario& scenario) {
  return Explorer(scenario).Run();
}

}  // namespace jaco::raft
