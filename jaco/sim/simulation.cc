#include "jaco/sim/simulation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/prng.h"
#include "jaco/raft/describe.h"
#include "jaco/server/voter_policy.h"
#include "jaco/sim/bearer.h"
#include "jaco/sim/growth.h"
#include "jaco/sim/loss.h"
#include "jaco/sim/nemesis.h"
#include "jaco/sim/schedule.h"
#include "jaco/sim/stream.h"
#include "jaco/sim/trace.h"
#include "jaco/sim/workload.h"
#include "jaco/sim/world.h"

namespace jaco::sim {
namespace {

// A run that does more than this is a storm that will not end.
constexpr uint64_t kEventsMax = 20'000'000;
// For so many election timeouts nobody else may become leader.
constexpr int64_t kSteadyTimeouts = 6;

std::string TableOf(const fsm::ClusterState& state) {
  std::string text;
  for (const auto& [id, node] : state.nodes()) {
    absl::StrAppend(&text, " ", id, "/", node.name());
    if (node.status() == fsm::NODE_STATUS_JOINING) text += " joining";
    if (node.leaving() != fsm::NODE_LEAVING_NO) text += " leaving";
  }
  return text;
}

class Simulation {
 public:
  Simulation(uint64_t seed, const SwarmOptions& options, std::FILE* trace)
      : trace_(trace),
        world_(seed, options, trace_),
        workload_(world_, seed),
        bearer_(world_, workload_, seed),
        nemesis_(world_, DrawSchedule(seed, options)),
        loss_(MakeStream(seed, Stream::kLoss)) {}

  RunResult Run();

 private:
  // Steps until `done`. False, with a finding, when something is violated or
  // that is not so by `deadline`; an empty `wish` is no finding.
  bool RunUntil(Instant deadline, absl::string_view wish,
                absl::FunctionRef<bool()> done);
  bool RunFaults();
  bool RunLiveness();
  bool RunWithoutSome();
  bool GetWell();
  bool Settled();
  bool MemberSettled(NodeNumber number, NodeNumber leader);
  bool SomebodyIsLeaving(NodeNumber leader);
  bool TableIsOfMembers(NodeNumber leader);
  bool KnowsThatItLeft(NodeNumber number, NodeNumber leader);
  bool Steady();
  bool Small();
  std::string WhereNodesStand();

  Trace trace_;
  World world_;
  Workload workload_;
  Bearer bearer_;
  Nemesis nemesis_;
  Prng loss_;
  Loss lost_;
  // Who leads in which term, and since when.
  std::pair<NodeNumber, raft::Term> leads_;
  Instant leads_since_;
  bool liveness_ = false;
};

RunResult Simulation::Run() {
  const bool settled = RunFaults() && RunLiveness();
  if (settled) {
    nemesis_.departures().CheckFinal(*world_.node(world_.Leader()).server(),
                                     world_.findings());
    workload_.history().CheckFinal(world_.checkers().state().machine(),
                                   world_.findings());
  }
  return {.violation = world_.findings().first(),
          .liveness = liveness_,
          .events = trace_.events(),
          .simulated = world_.now() - Instant(),
          .hash = trace_.hash(),
          .calls = workload_.calls(),
          .operations = workload_.completed(),
          .committed = world_.checkers().committed().last().value(),
          .leaders = world_.checkers().elections().leaders(),
          .crashes = world_.crashes(),
          .installs = world_.installs(),
          .leases = world_.leases(),
          .damages = world_.damages(),
          .wipes = world_.wipes(),
          .repairs = world_.repairs(),
          .steps = nemesis_.steps(),
          .walked = nemesis_.walked(),
          .refusals = nemesis_.joiners().refused()};
}

bool Simulation::RunUntil(Instant deadline, absl::string_view wish,
                          absl::FunctionRef<bool()> done) {
  Findings& findings = world_.findings();
  while (!done()) {
    const bool late = world_.now() >= deadline;
    if (late && wish.empty()) return true;
    if (late || trace_.events() >= kEventsMax || !world_.Step()) {
      liveness_ = !findings.first().has_value();
      findings.Report("liveness", absl::StrCat("not in time: ", wish, "; ",
                                               WhereNodesStand()));
      return false;
    }
    if (findings.first().has_value()) return false;
  }
  return true;
}

bool Simulation::RunFaults() {
  return RunUntil(Instant() + world_.options().fault_time, "",
                  [this] { return nemesis_.walked(); });
}

bool Simulation::RunLiveness() {
  trace_.Note({EventKind::kPhase}, "liveness");
  nemesis_.Stop();
  world_.CalmNetwork();
  world_.HealAll();
  workload_.Finish();
  bearer_.Stop();
  return RunWithoutSome() && GetWell();
}

// Nobody may have to wait for servers that the rest can do without.
bool Simulation::RunWithoutSome() {
  const Instant deadline = world_.now() + world_.options().liveness_time;
  // The voter policy may still be taking the vote from servers that were down
  // a moment ago, and give all votes to those that are about to be lost.
  const auto started = [this] {
    return AllStarted(world_) && nemesis_.joiners().Idle() &&
           (!world_.options().voter_policy || Settled());
  };
  if (!RunUntil(deadline, "all servers start", started)) return false;
  lost_ = Lose(world_, loss_);
  if (lost_.servers.empty()) return true;
  if (!GetWell()) return false;
  lost_ = {};
  world_.HealAll();
  return true;
}

bool Simulation::GetWell() {
  // A server that hears and is not heard keeps its callers waiting.
  const Instant deadline = world_.now() + world_.options().liveness_time *
                                              (lost_.servers.empty() ? 1 : 3);
  const auto idle = [this] { return workload_.Idle(); };
  if (!RunUntil(deadline, "every operation ends", idle)) return false;
  workload_.IssueOneMore();
  if (!RunUntil(deadline, "a new token is issued", idle)) return false;
  workload_.ListOnceMore();
  if (!RunUntil(deadline, "all tokens are listed", idle)) return false;
  if (!lost_.partly &&
      !RunUntil(deadline, "all members follow one leader with one log",
                [this] { return Settled(); })) {
    return false;
  }
  // A leader that is alone does nothing, so time has to pass by itself.
  world_.queue().Schedule(deadline, kWorldOwner, {EventKind::kPhase}, [] {});
  if (!RunUntil(deadline, "one leader stays", [this] { return Steady(); })) {
    return false;
  }
  // The lead may be going to a preferred server meanwhile.
  return !lost_.servers.empty() ||
         RunUntil(deadline, "what servers keep is small again",
                  [this] { return Small() && Settled(); });
}

// What they keep shrinks while they work.
bool Simulation::Small() {
  if (!workload_.Idle()) return false;
  const std::string what = Overgrown(world_, GrowthLimitsOf(world_.options()));
  if (what.empty()) return true;
  trace_.Note({EventKind::kPhase}, what);
  workload_.IssueOneMore();
  return false;
}

// Where nothing is wrong, a leader leads on.
bool Simulation::Steady() {
  const NodeNumber leader = world_.Leader();
  raft::Term term;
  if (leader != kWorld) term = world_.node(leader).last_seen()->hard_state.term;
  if (const auto now = std::pair(leader, term); leads_ != now) {
    leads_ = now;
    leads_since_ = world_.now();
  }
  return leader != kWorld &&
         world_.now() - leads_since_ >=
             world_.options().election_timeout * kSteadyTimeouts;
}

bool Simulation::Settled() {
  const NodeNumber leader = world_.Leader();
  if (leader == kWorld) return false;
  const raft::Raft& raft = *world_.node(leader).server()->raft();
  const raft::Configuration& configuration = raft.configuration();
  if (configuration.IsJoint()) return false;
  if (world_.options().voter_policy && lost_.servers.empty() &&
      configuration.voters.size() !=
          server::VotersFor(configuration.Members().size())) {
    return false;
  }
  if (world_.options().voter_policy && lost_.servers.empty() &&
      (SomebodyIsLeaving(leader) || !TableIsOfMembers(leader))) {
    return false;
  }
  for (NodeNumber i = 1; i <= world_.servers(); ++i) {
    if (lost_.servers.contains(i)) continue;
    const bool member = configuration.Contains(world_.IdOf(i));
    if (member ? !MemberSettled(i, leader) : !KnowsThatItLeft(i, leader)) {
      return false;
    }
  }
  // The leader knows it, too.
  return std::all_of(raft.progress()->begin(), raft.progress()->end(),
                     [&](const raft::Progress& peer) {
                       return peer.match == raft.last().index ||
                              lost_.servers.contains(world_.NumberOf(peer.id));
                     });
}

// Whoever can never be spared waits for ever if that was asked for.
bool Simulation::SomebodyIsLeaving(NodeNumber leader) {
  const auto& nodes = world_.node(leader).server()->state().nodes();
  return std::any_of(nodes.begin(), nodes.end(), [](const auto& node) {
    return node.second.leaving() == fsm::NODE_LEAVING_YES;
  });
}

// Nobody is admitted and not taken in, or out and not forgotten.
bool Simulation::TableIsOfMembers(NodeNumber leader) {
  const server::Server& server = *world_.node(leader).server();
  const auto& nodes = server.state().nodes();
  const auto members = server.raft()->configuration().Members();
  return std::equal(nodes.begin(), nodes.end(), members.begin(), members.end(),
                    [](const auto& node, raft::NodeId member) {
                      return raft::NodeId(node.first) == member;
                    });
}

bool Simulation::MemberSettled(NodeNumber number, NodeNumber leader) {
  const raft::Observation& head = *world_.node(leader).last_seen();
  const auto& seen = world_.node(number).last_seen();
  if (!seen.has_value() || seen->leader != world_.IdOf(leader)) return false;
  if (seen->repairing) return false;
  if (seen->hard_state.term != head.hard_state.term) return false;
  if (seen->last != head.last || seen->commit != head.last) return false;
  // What is applied equals what it should be: StateDigest looked.
  return seen->applied == seen->commit.index &&
         seen->durable == seen->last.index;
}

// Who knows only of others that left has nobody to hear it from.
bool Simulation::KnowsThatItLeft(NodeNumber number, NodeNumber leader) {
  if (!world_.node(number).last_seen().has_value()) return true;
  const server::Server& server = *world_.node(number).server();
  // A member may have told it.
  if (server.lifecycle() == server::Lifecycle::kRemoved) return true;
  // Unless it is just about to put away what it was.
  if (server.raft() == nullptr) {
    return server.lifecycle() == server::Lifecycle::kUninitialized;
  }
  const raft::Configuration& known = server.raft()->configuration();
  return !known.IsVoter(world_.IdOf(leader)) ||
         !known.Contains(world_.IdOf(number));
}

std::string Simulation::WhereNodesStand() {
  std::string text = workload_.Unfinished();
  for (NodeNumber i = 1; i <= world_.servers(); ++i) {
    SimNode& node = world_.node(i);
    absl::StrAppend(&text, "; node ", i);
    if (!node.up()) {
      absl::StrAppend(&text, " down");
    } else if (!node.last_seen().has_value() ||
               node.server()->raft() == nullptr) {
      absl::StrAppend(&text, " no member");
    } else {
      const raft::Observation& seen = *node.last_seen();
      absl::StrAppend(&text, " term ", seen.hard_state.term.value(), " leader ",
                      seen.leader.value(), " last ", seen.last.index.value(),
                      seen.repairing ? " in repair" : "", " commit ",
                      seen.commit.index.value(), " applied ",
                      seen.applied.value(), " members ",
                      raft::Describe(node.server()->raft()->configuration()),
                      " table", TableOf(node.server()->state()));
    }
  }
  return text;
}

}  // namespace

RunResult Run(uint64_t seed, const SwarmOptions& options, std::FILE* trace) {
  return Simulation(seed, options, trace).Run();
}

}  // namespace jaco::sim
