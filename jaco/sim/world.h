// A cluster in a world of its own: nodes, links, one queue, one clock; and the
// checkers that look at a node after each of its events.

#ifndef JACO_SIM_WORLD_H_
#define JACO_SIM_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "jaco/base/time.h"
#include "jaco/sim/checkers/cluster_checkers.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/checkers/join_history.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_join_peer.h"
#include "jaco/sim/sim_network.h"
#include "jaco/sim/sim_node.h"
#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"

namespace jaco::sim {

class World : SimJoinPeer::Place {
 public:
  // `trace` outlives the world.
  World(uint64_t seed, const SwarmOptions& options, Trace& trace);
  ~World() override;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Runs the next event and looks at the node that it touched. False when there
  // is none.
  bool Step();

  // Node numbers go from 1 to servers().
  NodeNumber servers() const { return static_cast<NodeNumber>(nodes_.size()); }
  SimNode& node(NodeNumber number) { return *nodes_[number - 1]; }
  // Who leads in the highest term, of the nodes that are up; kWorld: nobody.
  NodeNumber Leader();

  // As which server a node runs, or did when it was last seen; and which node
  // runs as it, or did, or has asked to, kWorld: none. Where servers do not
  // join by tokens ids are numbers.
  raft::NodeId IdOf(NodeNumber number);
  NodeNumber NumberOf(raft::NodeId id) const;

  // A node that is up goes down, and comes up again after `down_for`.
  void Crash(NodeNumber number, StopKind kind, Duration down_for);
  // The same at its `operations`-th file operation from now on.
  void CrashInJob(NodeNumber number, uint64_t operations, Duration down_for);
  // The same, with damage to its files while it is down. Nothing happens when
  // it is damaged already, or when half of the first servers would be.
  void Damage(NodeNumber number, DamageKind kind, Duration down_for, Prng prng);
  // Sectors of its files cannot be read any more: noticed as it reads them,
  // unless `now`, when it goes down for that. It stops, and comes up after
  // `down_for` with what could be read. Limits are those of Damage.
  void LoseSectors(NodeNumber number, bool now, Duration down_for, Prng prng);
  // A member loses its disk, and comes up after `down_for` with an empty one:
  // damaged until it has joined anew. Where servers join by tokens. False for
  // one that is no member, or damaged already.
  bool Wipe(NodeNumber number, Duration down_for);
  // Those that are damaged and not known to be sound again.
  std::set<NodeNumber> Damaged() const;
  void Pause(NodeNumber number);
  void Resume(NodeNumber number);
  // Whatever is down comes up, whatever is paused goes on, links are sound.
  void HealAll();
  // Only the delay of links remains.
  void CalmNetwork();

  // Called after a node went down: its callbacks will not run.
  void SetDownObserver(absl::AnyInvocable<void(NodeNumber)> observer) {
    down_observer_ = std::move(observer);
  }

  EventQueue& queue() { return queue_; }
  Trace& trace() { return trace_; }
  Fabric& fabric() { return fabric_; }
  Findings& findings() { return findings_; }
  const SwarmOptions& options() const { return options_; }
  const ClusterCheckers& checkers() const { return checkers_; }
  const JoinHistory& joins() const { return joins_; }
  uint64_t seed() const { return seed_; }
  Instant now() const { return queue_.now(); }
  uint64_t crashes() const { return crashes_; }
  // Servers whose files were damaged, and that were repaired from others.
  uint64_t damages() const { return damages_; }
  uint64_t repairs() const { return repairs_; }
  // Members that lost their disk.
  uint64_t wipes() const { return wipes_; }
  // Snapshots that followers took over from a leader.
  uint64_t installs() const { return installs_; }
  // How often a node was seen to hold one.
  uint64_t leases() const { return leases_; }

 private:
  // Of servers that join, to others.
  server::Server* ServerOf(NodeNumber node) override;
  uint64_t IncarnationOf(NodeNumber node) override;
  bool Reaches(NodeNumber from, NodeNumber to) override;
  void OnAsked(NodeNumber from, const std::string& join_token,
               uint64_t node_id) override;

  void AfterEvent(SimNode& node);
  void OnUnreadable(SimNode& node);
  bool MayDamage(NodeNumber number) const;
  void Observe(SimNode& node);
  bool Recognize(SimNode& node, raft::NodeId id);
  void CheckJoins(SimNode& node);
  void CheckLeases(NodeNumber leader, raft::Term term);
  void StopNode(SimNode& node, StopKind kind);
  void RestartAfter(NodeNumber number, Duration down_for);

  const uint64_t seed_;
  const SwarmOptions options_;
  Trace& trace_;
  EventQueue queue_;
  Fabric fabric_;
  Findings findings_;
  SimJoinPeer join_peer_;
  const NodeContext context_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  PerNode<Duration> down_for_ = {};  // of the next crash that comes by itself
  PerNode<EventId> restarts_ = {};
  ClusterCheckers checkers_;
  JoinHistory joins_;
  PerNode<raft::LogIndex> members_of_ = {};     // the last that were looked at
  std::map<raft::NodeId, NodeNumber> numbers_;  // of servers that join
  absl::AnyInvocable<void(NodeNumber)> down_observer_;
  PerNode<bool> damaged_ = {};        // and not known to be sound yet
  PerNode<bool> damage_unseen_ = {};  // and it has not been up since
  // How a server goes on of which something could not be read.
  struct Rescue {
    Duration down_for;
    bool remove = false;
  };
  PerNode<Rescue> rescues_ = {};
  uint64_t crashes_ = 0;
  uint64_t damages_ = 0;
  uint64_t repairs_ = 0;
  uint64_t wipes_ = 0;
  uint64_t installs_ = 0;
  uint64_t leases_ = 0;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_WORLD_H_
