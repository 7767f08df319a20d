#include "jaco/raft/explorer.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/hash.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/raft/cluster_checker.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/describe.h"
#include "jaco/raft/invariants.h"
#include "jaco/raft/quorum.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/test_server.h"

namespace jaco::raft {
namespace {

constexpr Duration kElectionTimeout = Seconds(1000);

struct Flight {
  NodeId from;
  NodeId to;
  Message message;
  uint64_t hash = 0;
};
using FlightPtr = std::shared_ptr<const Flight>;

// One server with its disk; shared between states that it did not change in.
struct Server {
  Raft raft;
  ModelDisk disk;
  std::deque<Persist> writes;  // under way
  Instant now;
};
using ServerPtr = std::shared_ptr<const Server>;

struct Chosen {
  EntryId id;
  Term known_in;  // the lowest term in which it was known to be committed
};

struct State {
  std::vector<ServerPtr> servers;
  std::vector<FlightPtr> messages;  // by hash, each once
  int proposals = 0;
  int crashes = 0;
  int losses = 0;
  int duplicates = 0;
  bool changed = false;
  // What is true of all that was before this state.
  std::vector<NodeId> leaders;  // by term
  std::vector<Chosen> chosen;   // by index, from 1 on
};

void Add(uint64_t value, uint64_t* hash) { *hash = Mix64(*hash ^ value); }

uint64_t HashOf(const Server& server) {
  uint64_t hash = server.raft.Fingerprint();
  for (const Persist& write : server.writes) {
    Add(write.hard_state.has_value(), &hash);
    if (write.hard_state.has_value()) {
      Add(write.hard_state->term.value(), &hash);
      Add(write.hard_state->voted_for.value(), &hash);
    }
    for (const EntryPtr& entry : write.entries) {
      Add(entry->id.term.value() << 32 | entry->id.index.value(), &hash);
    }
  }
  Add(server.disk.hard_state.term.value(), &hash);
  Add(server.disk.hard_state.voted_for.value(), &hash);
  for (const EntryPtr& entry : server.disk.entries) {
    Add(entry->id.term.value(), &hash);
  }
  return hash;
}

uint64_t HashOf(const State& state) {
  uint64_t hash = 0;
  for (const ServerPtr& server : state.servers) Add(HashOf(*server), &hash);
  for (const FlightPtr& flight : state.messages) Add(flight->hash, &hash);
  for (int budget : {state.proposals, state.crashes, state.losses,
                     state.duplicates, int{state.changed}}) {
    Add(static_cast<uint64_t>(budget), &hash);
  }
  for (NodeId leader : state.leaders) Add(leader.value(), &hash);
  for (const Chosen& chosen : state.chosen) {
    Add(chosen.id.term.value() << 32 | chosen.known_in.value(), &hash);
  }
  return hash;
}

class Explorer {
 public:
  explicit Explorer(const Scenario& scenario) : scenario_(scenario) {}

  Exploration Run();

 private:
  struct Origin {
    uint64_t parent = 0;
    std::string step;
  };
  using Input = std::function<void(Raft&, Instant)>;

  State Beginning();
  Server Start(NodeId id, ModelDisk disk) const;
  void Lead(State& state);
  void Expand(const State& state);
  void Messages(const State& state);
  void Servers(const State& state);
  void Deliver(State next, size_t at, absl::string_view how);
  void CrashServer(const State& state, size_t at);
  void ProposeAt(const State& state, size_t at);
  void Change(const State& state, size_t at, absl::string_view step,
              Duration wait, const Input& input);
  void Touch(State& state, size_t at, Duration wait, const Input& input);
  void Finish(Server& server) const;
  void Take(State& state, Server& server);
  void Send(State& state, const Server& server, const Ready& ready);
  void Visit(State state, std::string step);
  absl::Status Check(State& state) const;
  absl::Status CheckChosen(State& state, const Server& server) const;
  bool OnQuorum(const State& state, const Server& leader,
                const EntryId& id) const;
  std::vector<std::string> StepsTo(uint64_t hash) const;

  const Scenario scenario_;
  std::unordered_map<uint64_t, Origin> seen_;
  std::vector<State> next_;
  uint64_t parent_ = 0;
  absl::Status step_status_;
  Exploration result_;
};

// ---- Servers.

Server Explorer::Start(NodeId id, ModelDisk disk) const {
  Options options;
  options.id = id;
  options.election_timeout = kElectionTimeout;
  const Instant now = Instant() + Seconds(1);
  Raft raft(options,
            {.hard_state = disk.hard_state,
             .configuration = disk.configuration,
             .entries = disk.entries},
            Prng(id.value()), now);
  return {std::move(raft), std::move(disk), {}, now};
}

void Explorer::Take(State& state, Server& server) {
  while (server.raft.HasReady()) {
    const Ready ready = server.raft.TakeReady();
    if (ready.persist.has_value()) server.writes.push_back(*ready.persist);
    if (!ready.committed.empty()) {
      server.raft.OnApplied(server.now, ready.committed.back()->id.index);
    }
    Send(state, server, ready);
  }
}

void Explorer::Send(State& state, const Server& server, const Ready& ready) {
  for (const auto& [to, message] : ready.messages) {
    if (to == kNoNode || to.value() > state.servers.size()) {
      step_status_ = absl::InternalError("a message to nobody");
      return;
    }
    auto flight =
        std::make_shared<Flight>(Flight{server.raft.id(), to, message});
    flight->hash =
        Murmur3(EncodeMessage(message), {server.raft.id().value(), to.value()})
            .low;
    const auto at = std::find_if(
        state.messages.begin(), state.messages.end(),
        [&](const FlightPtr& f) { return f->hash >= flight->hash; });
    if (at != state.messages.end() && (*at)->hash == flight->hash) continue;
    if (state.messages.size() >= scenario_.messages_max) continue;
    state.messages.insert(at, std::move(flight));
  }
}

// Gives server `at` of `state` one input, `wait` after its last.
void Explorer::Touch(State& state, size_t at, Duration wait,
                     const Input& input) {
  auto server = std::make_shared<Server>(*state.servers[at]);
  server->now = server->now + wait;
  const Observation before = Observe(state.servers[at]->raft);
  input(server->raft, server->now);
  Take(state, *server);
  const absl::Status status = CheckInvariants(before, server->raft);
  if (step_status_.ok()) step_status_ = status;
  state.servers[at] = std::move(server);
}

void Explorer::Change(const State& state, size_t at, absl::string_view step,
                      Duration wait, const Input& input) {
  State next = state;
  Touch(next, at, wait, input);
  Visit(std::move(next), absl::StrCat(at + 1, " ", step));
}

// ---- Steps.

void Explorer::Deliver(State next, size_t at, absl::string_view how) {
  const FlightPtr flight = next.messages[at];
  if (how != "keeps") {
    next.messages.erase(next.messages.begin() + static_cast<ptrdiff_t>(at));
  }
  const std::string step =
      absl::StrCat(flight->to.value(), " ", how, " from ", flight->from.value(),
                   ": ", Describe(flight->message));
  if (how != "loses") {
    const size_t to = flight->to.value() - 1;
    // Patience is over whenever somebody asks for a vote.
    const bool asks =
        std::holds_alternative<RequestVoteRequest>(flight->message) &&
        next.servers[to]->raft.role() != Role::kLeader;
    Touch(next, to, asks ? kElectionTimeout : Duration(),
          [&](Raft& raft, Instant now) {
            raft.Step(now, flight->from, flight->message);
          });
  }
  Visit(std::move(next), step);
}

void Explorer::Messages(const State& state) {
  for (size_t i = 0; i < state.messages.size(); ++i) {
    Deliver(state, i, "gets");
    if (state.losses > 0) {
      State next = state;
      --next.losses;
      Deliver(std::move(next), i, "loses");
    }
    if (state.duplicates > 0) {
      State next = state;
      --next.duplicates;
      Deliver(std::move(next), i, "keeps");
    }
  }
}

void Explorer::CrashServer(const State& state, size_t at) {
  State next = state;
  --next.crashes;
  auto server =
      std::make_shared<Server>(Start(NodeId(at + 1), state.servers[at]->disk));
  Take(next, *server);
  next.servers[at] = std::move(server);
  Visit(std::move(next), absl::StrCat(at + 1, " crashes and restarts"));
}

void Explorer::ProposeAt(const State& state, size_t at) {
  if (state.proposals > 0) {
    State next = state;
    --next.proposals;
    Touch(next, at, {}, [](Raft& raft, Instant now) {
      raft.Propose(now, "x").IgnoreError();
    });
    Visit(std::move(next), absl::StrCat(at + 1, " proposes"));
  }
  if (!state.changed && !scenario_.target.voters.empty()) {
    State next = state;
    Touch(next, at, {}, [&](Raft& raft, Instant now) {
      next.changed = raft.ProposeConfiguration(now, scenario_.target).ok();
    });
    if (next.changed) {
      Visit(std::move(next), absl::StrCat(at + 1, " changes its members"));
    }
  }
}

void Explorer::Finish(Server& server) const {
  const PersistId upto = server.writes.front().id;
  if (!scenario_.lying_disk) server.disk.Write(server.writes.front());
  server.writes.pop_front();
  server.raft.OnPersisted(server.now, upto);
}

void Explorer::Servers(const State& state) {
  const auto deadline = [](Raft& raft, Instant now) { raft.OnDeadline(now); };
  for (size_t i = 0; i < state.servers.size(); ++i) {
    const Server& server = *state.servers[i];
    if (!server.writes.empty()) {
      State next = state;
      auto changed = std::make_shared<Server>(server);
      Finish(*changed);
      Take(next, *changed);
      next.servers[i] = std::move(changed);
      Visit(std::move(next), absl::StrCat(i + 1, " has written"));
    }
    if (server.raft.role() == Role::kLeader) {
      Change(state, i, "sends heartbeats", Options().heartbeat_interval,
             deadline);
      Change(state, i, "gives up", kElectionTimeout, deadline);
      ProposeAt(state, i);
    } else if (server.raft.term() < scenario_.term_max) {
      Change(state, i, "loses patience", kElectionTimeout + kElectionTimeout,
             deadline);
    }
    if (state.crashes > 0) CrashServer(state, i);
  }
}

// ---- States.

State Explorer::Beginning() {
  State state;
  state.proposals = scenario_.proposals;
  state.crashes = scenario_.crashes;
  state.losses = scenario_.losses;
  state.duplicates = scenario_.duplicates;
  state.leaders.resize(scenario_.term_max.value() + 2);
  for (size_t i = 1; i <= scenario_.servers; ++i) {
    ModelDisk disk;
    if (scenario_.founding.Contains(NodeId(i))) {
      disk.configuration = scenario_.founding;
    }
    auto server = std::make_shared<Server>(Start(NodeId(i), disk));
    Take(state, *server);
    // It has been up for long enough to be free in its vote.
    server->now = server->now + kElectionTimeout;
    state.servers.push_back(std::move(server));
  }
  if (scenario_.led) Lead(state);
  return state;
}

void Explorer::Lead(State& state) {
  Touch(state, 0, kElectionTimeout + kElectionTimeout,
        [](Raft& raft, Instant now) { raft.OnDeadline(now); });
  for (bool quiet = false; !quiet;) {
    quiet = true;
    for (ServerPtr& server : state.servers) {
      if (server->writes.empty()) continue;
      auto changed = std::make_shared<Server>(*server);
      while (!changed->writes.empty()) Finish(*changed);
      Take(state, *changed);
      server = std::move(changed);
      quiet = false;
    }
    if (state.messages.empty()) continue;
    const FlightPtr flight = state.messages.front();
    state.messages.erase(state.messages.begin());
    Touch(state, flight->to.value() - 1, {}, [&](Raft& raft, Instant now) {
      raft.Step(now, flight->from, flight->message);
    });
    quiet = false;
  }
}

bool Explorer::OnQuorum(const State& state, const Server& leader,
                        const EntryId& id) const {
  return ReachedByQuorum<bool>(leader.raft.configuration(), [&](NodeId voter) {
    const auto& entries = state.servers[voter.value() - 1]->disk.entries;
    return id.index.value() <= entries.size() &&
           entries[id.index.value() - 1]->id == id;
  });
}

absl::Status Explorer::CheckChosen(State& state, const Server& server) const {
  const Raft& raft = server.raft;
  for (LogIndex i(1); i <= raft.commit(); ++i) {
    const EntryId id = raft.log().At(i)->id;
    if (i.value() > state.chosen.size()) {
      state.chosen.push_back({id, raft.term()});
      if (raft.role() == Role::kLeader && !OnQuorum(state, server, id)) {
        return absl::InternalError(absl::StrCat(
            Describe(id), " is committed and not durable on a quorum"));
      }
    }
    Chosen& chosen = state.chosen[i.value() - 1];
    if (chosen.id != id) {
      return absl::InternalError(
          absl::StrCat("server ", raft.id().value(), " has committed ",
                       Describe(id), ", before it was ", Describe(chosen.id)));
    }
    chosen.known_in = std::min(chosen.known_in, raft.term());
  }
  if (raft.role() != Role::kLeader) return absl::OkStatus();
  for (const Chosen& chosen : state.chosen) {
    if (chosen.known_in < raft.term() && !raft.log().Contains(chosen.id)) {
      return absl::InternalError(absl::StrCat("the leader of term ",
                                              raft.term().value(), " lacks ",
                                              Describe(chosen.id)));
    }
  }
  return absl::OkStatus();
}

absl::Status Explorer::Check(State& state) const {
  for (const ServerPtr& server : state.servers) {
    const Raft& raft = server->raft;
    if (raft.role() == Role::kLeader) {
      if (raft.term().value() >= state.leaders.size()) {
        state.leaders.resize(raft.term().value() + 1);
      }
      NodeId& leader = state.leaders[raft.term().value()];
      if (leader != kNoNode && leader != raft.id()) {
        return absl::InternalError(
            absl::StrCat("two leaders in term ", raft.term().value()));
      }
      leader = raft.id();
    }
    absl::Status status = CheckChosen(state, *server);
    for (const ServerPtr& other : state.servers) {
      if (status.ok() && other->raft.id() < raft.id()) {
        status = CheckLogMatching(raft, other->raft);
      }
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<std::string> Explorer::StepsTo(uint64_t hash) const {
  std::vector<std::string> steps;
  for (auto it = seen_.find(hash);
       it != seen_.end() && !it->second.step.empty();
       it = seen_.find(it->second.parent)) {
    steps.push_back(it->second.step);
  }
  std::reverse(steps.begin(), steps.end());
  return steps;
}

void Explorer::Visit(State state, std::string step) {
  absl::Status status = std::exchange(step_status_, absl::OkStatus());
  if (status.ok()) status = Check(state);
  const uint64_t hash = HashOf(state);
  const bool fresh = seen_.try_emplace(hash, parent_, std::move(step)).second;
  if (!status.ok() && result_.violation.empty()) {
    result_.violation = std::string(status.message());
    result_.steps = StepsTo(hash);
  }
  if (fresh) next_.push_back(std::move(state));
}

void Explorer::Expand(const State& state) {
  parent_ = HashOf(state);
  Messages(state);
  Servers(state);
}

Exploration Explorer::Run() {
  Visit(Beginning(), "");
  while (!next_.empty() && result_.violation.empty()) {
    const std::vector<State> level = std::exchange(next_, {});
    for (const State& state : level) {
      if (scenario_.states_max > 0 && seen_.size() >= scenario_.states_max) {
        result_.states = seen_.size();
        return result_;
      }
      Expand(state);
      if (!result_.violation.empty()) break;
    }
    ++result_.depth;
  }
  result_.states = seen_.size();
  result_.complete = result_.violation.empty();
  return result_;
}

}  // namespace

Exploration Explore(const Scenario& scenario) {
  return Explorer(scenario).Run();
}

}  // namespace jaco::raft
