#include "jaco/sim/simulation.h"

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "jaco/server/voter_policy.h"
#include "jaco/sim/nemesis.h"
#include "jaco/sim/schedule.h"
#include "jaco/sim/trace.h"
#include "jaco/sim/workload.h"
#include "jaco/sim/world.h"

namespace jaco::sim {
namespace {

// A run that does more than this is a storm that will not end.
constexpr uint64_t kEventsMax = 20'000'000;

class Simulation {
 public:
  Simulation(uint64_t seed, const SwarmOptions& options, std::FILE* trace)
      : trace_(trace),
        world_(seed, options, trace_),
        workload_(world_, seed),
        nemesis_(world_, DrawSchedule(seed, options)) {}

  RunResult Run();

 private:
  // Steps until `done`. False, with a finding, when something is violated or
  // that is not so by `deadline`; an empty `wish` is no finding.
  bool RunUntil(Instant deadline, absl::string_view wish,
                absl::FunctionRef<bool()> done);
  bool RunFaults();
  bool RunLiveness();
  bool Settled();
  std::string WhereNodesStand();

  Trace trace_;
  World world_;
  Workload workload_;
  Nemesis nemesis_;
  bool liveness_ = false;
};

RunResult Simulation::Run() {
  const bool settled = RunFaults() && RunLiveness();
  if (settled) {
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
          .repairs = world_.repairs()};
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
                  [] { return false; });
}

bool Simulation::RunLiveness() {
  trace_.Note({EventKind::kPhase}, "liveness");
  nemesis_.Stop();
  world_.CalmNetwork();
  world_.HealAll();
  workload_.Finish();
  const Instant deadline = world_.now() + world_.options().liveness_time;
  const auto idle = [this] { return workload_.Idle(); };
  if (!RunUntil(deadline, "every operation ends", idle)) return false;
  workload_.IssueOneMore();
  if (!RunUntil(deadline, "a new token is issued", idle)) return false;
  workload_.ListOnceMore();
  if (!RunUntil(deadline, "all tokens are listed", idle)) return false;
  return RunUntil(deadline, "all members follow one leader with one log",
                  [this] { return Settled(); });
}

bool Simulation::Settled() {
  const NodeNumber leader = world_.Leader();
  if (leader == kWorld) return false;
  const raft::Observation& head = *world_.node(leader).last_seen();
  const raft::Configuration& configuration =
      world_.node(leader).server()->raft()->configuration();
  if (configuration.IsJoint()) return false;
  if (world_.options().voter_policy &&
      configuration.voters.size() !=
          server::VotersFor(configuration.Members().size())) {
    return false;
  }
  for (NodeNumber i = 1; i <= world_.servers(); ++i) {
    if (!configuration.Contains(raft::NodeId(i))) continue;
    const auto& seen = world_.node(i).last_seen();
    if (!seen.has_value() || seen->leader != raft::NodeId(leader)) return false;
    if (seen->repairing) return false;
    if (seen->hard_state.term != head.hard_state.term) return false;
    if (seen->last != head.last || seen->commit != head.last) {
      return false;
    }
    // What is applied equals what it should be: StateDigest looked.
    if (seen->applied != seen->commit.index) return false;
  }
  return true;
}

std::string Simulation::WhereNodesStand() {
  std::string text = workload_.Unfinished();
  for (NodeNumber i = 1; i <= world_.servers(); ++i) {
    SimNode& node = world_.node(i);
    absl::StrAppend(&text, "; node ", i);
    if (!node.up()) {
      absl::StrAppend(&text, " down");
    } else if (!node.last_seen().has_value()) {
      absl::StrAppend(&text, " no member");
    } else {
      const raft::Observation& seen = *node.last_seen();
      absl::StrAppend(&text, " term ", seen.hard_state.term.value(), " leader ",
                      seen.leader.value(), " last ", seen.last.index.value(),
                      seen.repairing ? " in repair" : "", " commit ",
                      seen.commit.index.value(), " applied ",
                      seen.applied.value());
    }
  }
  return text;
}

}  // namespace

RunResult Run(uint64_t seed, const SwarmOptions& options, std::FILE* trace) {
  return Simulation(seed, options, trace).Run();
}

}  // namespace jaco::sim
