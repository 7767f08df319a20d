// Does to a world what a schedule says.

#ifndef JACO_SIM_NEMESIS_H_
#define JACO_SIM_NEMESIS_H_

#include <vector>

#include "jaco/sim/departures.h"
#include "jaco/sim/joiners.h"
#include "jaco/sim/link_faults.h"
#include "jaco/sim/schedule.h"
#include "jaco/sim/world.h"

namespace jaco::sim {

class Nemesis {
 public:
  // `world` outlives the nemesis.
  Nemesis(World& world, std::vector<Fault> schedule);
  ~Nemesis() { Stop(); }
  Nemesis(const Nemesis&) = delete;
  Nemesis& operator=(const Nemesis&) = delete;

  // Forgets all faults that are still to come and their undoing: World::HealAll
  // undoes what there is. Joins that were begun go on.
  void Stop();

  // How often a member was added or removed in a walk: 16 are a whole one.
  uint64_t steps() const { return removals_ + joiners_.joined(); }
  bool walked() const { return walked_; }
  const Departures& departures() const { return departures_; }
  const Joiners& joiners() const { return joiners_; }

 private:
  void Strike(size_t number);
  void StrikeNode(const Fault& fault, NodeNumber node);
  void Damage(const Fault& fault, NodeNumber node, DamageKind kind);
  void LoseSectors(const Fault& fault, NodeNumber node);
  void Wipe(const Fault& fault, NodeNumber node);
  bool MayDamage(NodeNumber node);
  bool VotersAreSettled();
  void StrikeMembers(const Fault& fault, const FaultTarget& target);
  void Walk(Prng prng, NodeNumber leader);
  bool IsRemoving();
  void Remove(NodeNumber asked, raft::NodeId out);
  void ChangeMembers(Prng prng, NodeNumber leader);
  void Undo(size_t number, const FaultTarget& target);
  FaultTarget TargetOf(const Fault& fault);

  World& world_;
  Departures departures_{world_};
  Joiners joiners_{world_, departures_};
  const std::vector<Fault> schedule_;
  const EventOwner owner_;
  LinkFaults links_;
  // Of the walk: which member it is removing, perhaps, and through which
  // server, unless that has answered.
  raft::NodeId removing_;
  NodeNumber asked_ = kWorld;
  uint64_t asked_incarnation_ = 0;
  uint64_t removals_ = 0;
  bool grown_ = false;
  bool walked_ = false;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_NEMESIS_H_
