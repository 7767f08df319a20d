#include "jaco/raft/explorer_servers.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/base/hash.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/raft/codec.h"
#include "jaco/raft/describe.h"
#include "jaco/raft/invariants.h"

namespace jaco::raft {
namespace {

constexpr Duration kElectionTimeout = Seconds(1000);

void Add(uint64_t value, uint64_t* hash) { *hash = Mix64(*hash ^ value); }

void Add(const EntryId& id, uint64_t* hash) {
  Add(id.term.value() << 32 | id.index.value(), hash);
}

void Add(const spec::Log& log, uint64_t* hash) {
  for (const spec::Entry& entry : log) {
    Add(entry.term << 8 | static_cast<uint64_t>(entry.kind), hash);
  }
}

// Configurations are called the same under each renaming.
void Add(const Entry& entry, uint64_t* hash) {
  Add(entry.id, hash);
  Add(Murmur3(entry.data).low, hash);
}

uint64_t NameIn(const std::vector<NodeId>& names, NodeId node) {
  return node == kNoNode ? 0 : names[node.value() - 1].value();
}

uint64_t HashOf(const Flight& flight, const std::vector<NodeId>& names) {
  uint64_t hash = flight.content.index();
  if (const auto* message = std::get_if<Message>(&flight.content)) {
    Add(Murmur3(EncodeMessage(*message)).low, &hash);
  } else if (const auto* sent = std::get_if<SnapshotSent>(&flight.content)) {
    Add(sent->last, &hash);
    Add(sent->log, &hash);
    Add(sent->session.value(), &hash);
  } else {
    const auto& arrived = std::get<SnapshotArrived>(flight.content);
    Add(arrived.last, &hash);
    Add(arrived.session.value(), &hash);
  }
  Add(NameIn(names, flight.from), &hash);
  Add(NameIn(names, flight.to), &hash);
  return hash;
}

uint64_t HashOf(const ExploredServer& server,
                const std::vector<NodeId>& names) {
  uint64_t hash = server.raft.Fingerprint(names);
  Add(NameIn(names, server.raft.id()), &hash);
  const Log& log = server.raft.log();
  Add(server.histories.At(log.start()), &hash);
  for (LogIndex i = log.start().index; i < log.last().index;) {
    Add(*log.At(++i), &hash);
  }
  for (const Persist& write : server.writes) {
    Add(write.hard_state.has_value(), &hash);
    if (write.hard_state.has_value()) {
      Add(write.hard_state->term.value(), &hash);
      Add(NameIn(names, write.hard_state->voted_for), &hash);
    }
    if (write.log_start.has_value()) {
      Add(server.histories.At(write.log_start->last), &hash);
    }
    for (const EntryPtr& entry : write.entries) Add(*entry, &hash);
  }
  Add(server.disk.hard_state.term.value(), &hash);
  Add(NameIn(names, server.disk.hard_state.voted_for), &hash);
  Add(server.histories.At(server.disk.start), &hash);
  for (const EntryPtr& entry : server.disk.entries) Add(*entry, &hash);
  return hash;
}

Duration WaitBefore(const Input& input) {
  switch (input.kind) {
    case Input::Kind::kPatience:
      return kElectionTimeout + kElectionTimeout;
    case Input::Kind::kHeartbeat:
      return Options().heartbeat_interval;
    case Input::Kind::kGiveUp:
      return kElectionTimeout;
    default:
      return Duration();
  }
}

}  // namespace

ExplorerServers::ExplorerServers(const Scenario& scenario,
                                 std::vector<std::vector<NodeId>> renamings)
    : scenario_(scenario), renamings_(std::move(renamings)) {}

// ---- One step.

std::unique_ptr<ExploredServer> ExplorerServers::Boot(NodeId id,
                                                      ModelDisk disk) const {
  Options options;
  options.id = id;
  options.election_timeout = kElectionTimeout;
  const Instant now = Instant() + Seconds(1);
  return std::make_unique<ExploredServer>(
      ExploredServer{.raft = Raft(options,
                                  {.hard_state = disk.hard_state,
                                   .log_start = disk.start,
                                   .configuration = disk.configuration,
                                   .entries = disk.entries,
                                   .applied = disk.start.index},
                                  Prng(id.value()), now),
                     .disk = disk,
                     .now = now});
}

ServerRef ExplorerServers::Start(NodeId id) {
  ModelDisk disk;
  const bool founds = scenario_.founding.Contains(id);
  if (founds) disk.configuration = scenario_.founding;
  auto server = Boot(id, disk);
  std::vector<Flight> sent;
  Pump(*server, sent);
  JACO_CHECK(sent.empty());
  server->abstract =
      ToSpec(server->raft, disk, {},
             founds ? ToSpec(scenario_.founding) : spec::Members(), {});
  // It has been up for long enough to be free in its vote.
  server->now = server->now + kElectionTimeout;
  return Intern(std::move(server));
}

void ExplorerServers::Violate(const std::string& what, Outcome& outcome) {
  if (outcome.violation.empty()) outcome.violation = what;
}

// Does all that the core wants done.
void ExplorerServers::Pump(ExploredServer& server, std::vector<Flight>& sent) {
  Raft& raft = server.raft;
  while (raft.HasReady()) {
    const Ready ready = raft.TakeReady();
    if (ready.persist.has_value()) server.writes.push_back(*ready.persist);
    if (!ready.committed.empty()) {
      raft.OnApplied(server.now, ready.committed.back()->id.index);
    }
    for (const auto& [to, message] : ready.messages) {
      sent.push_back({raft.id(), to, message, {}});
    }
    for (const SnapshotToSend& wanted : ready.snapshots_to_send) {
      const EntryId last = raft.log().start();
      sent.push_back(
          {raft.id(),
           wanted.to,
           SnapshotSent{wanted.session, last, raft.ConfigurationAt(last.index),
                        server.histories.At(last)},
           {}});
    }
  }
}

std::optional<spec::Message> ExplorerServers::SpecOf(const Flight& flight) {
  if (const auto* message = std::get_if<Message>(&flight.content)) {
    return ToSpec(flight.from, flight.to, *message);
  }
  const auto* snapshot = std::get_if<SnapshotSent>(&flight.content);
  if (snapshot == nullptr) return std::nullopt;
  return spec::Message{.from = static_cast<spec::Id>(flight.from.value()),
                       .to = static_cast<spec::Id>(flight.to.value()),
                       .body = spec::Snapshot{snapshot->log}};
}

void ExplorerServers::Compare(ExploredServer& server, spec::Step step,
                              const std::vector<Flight>& sent,
                              Outcome& outcome) {
  step.before = std::move(server.abstract);
  server.abstract = ToSpec(server.raft, server.disk, server.writes,
                           step.before.founding, server.histories);
  if (scenario_.judge == Judge::kInvariants) return;
  step.after = server.abstract;
  for (const Flight& flight : sent) {
    if (auto message = SpecOf(flight)) step.sent.push_back(*message);
  }
  Violate(spec::WhyNotAllowed(step), outcome);
  Violate(WhyNotMapped(server.raft, server.abstract), outcome);
}

// One call of the core, and all that it wants done after that.
void ExplorerServers::Step(ExploredServer& server, Duration wait,
                           const Call& call,
                           const std::optional<spec::Message>& received,
                           bool restarted, Outcome& outcome) {
  server.now = server.now + wait;
  const Observation before = Observe(server.raft);
  std::vector<Flight> sent;
  call(server.raft, server.now);
  Pump(server, sent);
  Compare(server, {.received = received, .restarted = restarted}, sent,
          outcome);
  if (scenario_.judge != Judge::kSpecification) {
    Violate(std::string(CheckInvariants(before, server.raft).message()),
            outcome);
  }
  for (Flight& flight : sent) {
    if (flight.to == kNoNode || flight.to.value() > scenario_.servers) {
      Violate("a message to nobody", outcome);
    } else {
      outcome.sent.push_back(Intern(std::move(flight)));
    }
  }
}

void ExplorerServers::Finish(ExploredServer& server, Outcome& outcome) {
  const Persist write = server.writes.front();
  server.writes.pop_front();
  if (!scenario_.lying_disk) server.disk.Write(write);
  Step(
      server, {},
      [&](Raft& raft, Instant now) { raft.OnPersisted(now, write.id); }, {},
      /*restarted=*/false, outcome);
}

void ExplorerServers::DoMessage(ExploredServer& server, const Flight& flight,
                                Outcome& outcome) {
  const auto& message = std::get<Message>(flight.content);
  // Patience is over whenever somebody asks for a vote.
  const bool asks = std::holds_alternative<RequestVoteRequest>(message) &&
                    server.raft.role() != Role::kLeader;
  Step(
      server, asks ? kElectionTimeout : Duration(),
      [&](Raft& raft, Instant now) { raft.Step(now, flight.from, message); },
      SpecOf(flight), /*restarted=*/false, outcome);
}

void ExplorerServers::DoSnapshot(ExploredServer& server, const Flight& flight,
                                 Outcome& outcome) {
  if (const auto* arrived = std::get_if<SnapshotArrived>(&flight.content)) {
    Step(
        server, {},
        [&](Raft& raft, Instant now) {
          raft.OnSnapshotSent(now, flight.from, arrived->session,
                              arrived->last);
        },
        {}, /*restarted=*/false, outcome);
    return;
  }
  const auto& snapshot = std::get<SnapshotSent>(flight.content);
  server.histories.Remember(snapshot.last, snapshot.log);
  Step(
      server, {},
      [&](Raft& raft, Instant now) {
        raft.InstallSnapshot(now, snapshot.last, snapshot.configuration);
      },
      SpecOf(flight), /*restarted=*/false, outcome);
  // Also when it was of no use: then there is more.
  outcome.sent.push_back(
      Intern({flight.to,
              flight.from,
              SnapshotArrived{snapshot.session, snapshot.last},
              {}}));
}

void ExplorerServers::Compact(ExploredServer& server, Outcome& outcome) {
  const EntryId before = server.raft.log().start();
  const Log whole = server.raft.log();
  server.raft.CompactTo(server.raft.applied());
  const EntryId start = server.raft.log().start();
  outcome.accepted = start != before;
  if (!outcome.accepted) return;
  server.histories.Remember(whole, start.index);
  ModelDisk& disk = server.disk;
  disk.configuration = server.raft.ConfigurationAt(start.index);
  const size_t gone = start.index - disk.start.index;
  JACO_CHECK(gone <= disk.entries.size());
  disk.entries.erase(disk.entries.begin(),
                     disk.entries.begin() + static_cast<ptrdiff_t>(gone));
  disk.start = start;
  Step(
      server, {}, [](Raft&, Instant) {}, {}, /*restarted=*/false, outcome);
}

void ExplorerServers::Do(ExploredServer& server, const Input& input,
                         Outcome& outcome) {
  const auto plain = [&](const Call& call) {
    Step(server, WaitBefore(input), call, {}, /*restarted=*/false, outcome);
  };
  switch (input.kind) {
    case Input::Kind::kMessage: {
      const Flight& flight = FlightAt(input.argument);
      if (std::holds_alternative<Message>(flight.content)) {
        return DoMessage(server, flight, outcome);
      }
      return DoSnapshot(server, flight, outcome);
    }
    case Input::Kind::kPatience:
    case Input::Kind::kHeartbeat:
    case Input::Kind::kGiveUp:
      return plain([](Raft& raft, Instant now) { raft.OnDeadline(now); });
    case Input::Kind::kWritten:
      return Finish(server, outcome);
    case Input::Kind::kCrash:
      return Step(
          server, {}, [](Raft&, Instant) {}, {}, /*restarted=*/true, outcome);
    case Input::Kind::kPropose:
      return plain([&](Raft& raft, Instant now) {
        outcome.accepted = raft.Propose(now, "x").ok();
      });
    case Input::Kind::kChange:
      return plain([&](Raft& raft, Instant now) {
        outcome.accepted =
            raft.ProposeConfiguration(now, scenario_.target).ok();
      });
    case Input::Kind::kCompact:
      return Compact(server, outcome);
    case Input::Kind::kTransfer:
      return plain([&](Raft& raft, Instant now) {
        outcome.accepted =
            raft.TransferLeadership(now, NodeId(input.argument)).ok();
      });
  }
}

const Outcome& ExplorerServers::Take(ServerRef ref, const Input& input) {
  const uint64_t key = uint64_t{ref} << 32 |
                       static_cast<uint64_t>(input.kind) << 28 | input.argument;
  const auto [it, fresh] = outcomes_.try_emplace(key);
  Outcome& outcome = it->second;
  if (!fresh) return outcome;
  const ExploredServer& before = At(ref);
  std::unique_ptr<ExploredServer> server;
  if (input.kind == Input::Kind::kCrash) {
    server = Boot(before.raft.id(), before.disk);
    server->histories = before.histories;
    server->abstract = before.abstract;
  } else {
    server = std::make_unique<ExploredServer>(before);
  }
  Do(*server, input, outcome);
  // A server that does wrong might write for ever.
  while (scenario_.instant_disk && !server->writes.empty() &&
         outcome.violation.empty()) {
    Finish(*server, outcome);
  }
  outcome.server = Intern(std::move(server));
  return outcome;
}

// ---- Each once.

std::vector<uint64_t> ExplorerServers::HashesOf(
    const ExploredServer& server) const {
  std::vector<uint64_t> hashes;
  for (const auto& names : renamings_) {
    hashes.push_back(Mix64(HashOf(server, names)));
  }
  return hashes;
}

std::vector<uint64_t> ExplorerServers::HashesOf(const Flight& flight) const {
  std::vector<uint64_t> hashes;
  for (const auto& names : renamings_) {
    hashes.push_back(Mix64(HashOf(flight, names)));
  }
  return hashes;
}

ServerRef ExplorerServers::Intern(std::unique_ptr<ExploredServer> server) {
  server->hashes = HashesOf(*server);
  const auto [it, fresh] = server_refs_.try_emplace(
      server->hashes[0], static_cast<ServerRef>(servers_.size()));
  if (fresh) servers_.push_back(std::move(server));
  return it->second;
}

FlightRef ExplorerServers::Intern(Flight flight) {
  flight.hashes = HashesOf(flight);
  const auto [it, fresh] = flight_refs_.try_emplace(
      flight.hashes[0], static_cast<FlightRef>(flights_.size()));
  if (fresh) flights_.push_back(std::make_unique<Flight>(std::move(flight)));
  return it->second;
}

void ExplorerServers::Summarize(Exploration* result) const {
  result->server_steps = outcomes_.size();
  for (const auto& server : servers_) {
    const Raft& raft = server->raft;
    if (raft.role() == Role::kLeader) {
      result->led = std::max(result->led, raft.term());
    }
    result->joint = result->joint || raft.configuration().IsJoint();
    result->installed = result->installed || raft.installed() > LogIndex();
  }
}

std::string ExplorerServers::Text(const Input& input) const {
  switch (input.kind) {
    case Input::Kind::kMessage: {
      const Flight& flight = FlightAt(input.argument);
      const auto* message = std::get_if<Message>(&flight.content);
      return absl::StrCat("from ", flight.from.value(), ": ",
                          message != nullptr ? Describe(*message)
                          : std::holds_alternative<SnapshotSent>(flight.content)
                              ? "a snapshot"
                              : "the snapshot has arrived");
    }
    case Input::Kind::kPatience:
      return "loses patience";
    case Input::Kind::kHeartbeat:
      return "sends heartbeats";
    case Input::Kind::kGiveUp:
      return "gives up";
    case Input::Kind::kWritten:
      return "has written";
    case Input::Kind::kCrash:
      return "crashes and restarts";
    case Input::Kind::kPropose:
      return "proposes";
    case Input::Kind::kChange:
      return "changes its members";
    case Input::Kind::kCompact:
      return "compacts its log";
    case Input::Kind::kTransfer:
      return absl::StrCat("hands over to ", input.argument);
  }
  return "";
}

}  // namespace jaco::raft
