// Operators who take nodes in and remove them, through whichever server, and
// whether what they were told is so in the end.

#ifndef JACO_SIM_DEPARTURES_H_
#define JACO_SIM_DEPARTURES_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "jaco/base/prng.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/world.h"

namespace jaco::sim {

class Departures {
 public:
  // `world` outlives this.
  explicit Departures(World& world) : world_(world) {}

  // Has `asked`, which is up, remove a node, or take in one that it does not
  // know.
  void Ask(NodeNumber asked, Prng prng);

  // Whether `state` has a node of that server's name. Its id is not known where
  // it joined by a token.
  static bool IsInTable(const fsm::ClusterState& state, NodeNumber number);

  static bool SomebodyLeaves(const fsm::ClusterState& state);

  // Has `asked`, which is up, take a node in.
  void Add(NodeNumber asked, NodeNumber number);
  // Has `asked`, which is up, remove a node. `done` may be dropped unused.
  using Done = absl::AnyInvocable<void(const absl::Status&)>;
  void Remove(
      NodeNumber asked, NodeNumber number, bool force,
      Done done = [](const absl::Status&) {});

  // Somebody adds the server in another way, as by a token, and has the
  // outcome.
  void OnAddCall(NodeNumber number);
  void OnAdded(NodeNumber number, const absl::Status& status);

  // The cluster is well. A node whose removal was acknowledged, and that nobody
  // has added since, is neither in the configuration of `leader` nor in its
  // table.
  void CheckFinal(server::Server& leader, Findings& findings) const;

  uint64_t acknowledged() const { return acknowledged_; }

 private:
  struct Known {
    uint64_t adds = 0;       // calls
    uint64_t open_adds = 0;  // that may have taken effect, or may yet
    bool gone = false;
  };

  World& world_;
  PerNode<Known> known_ = {};
  uint64_t acknowledged_ = 0;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_DEPARTURES_H_
