// Somebody who shows tokens to servers, as over the network, and tells the
// history what they said.

#ifndef JACO_SIM_BEARER_H_
#define JACO_SIM_BEARER_H_

#include <cstdint>

#include "jaco/base/prng.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/workload.h"
#include "jaco/sim/world.h"

namespace jaco::sim {

class Bearer {
 public:
  // Both outlive the bearer.
  Bearer(World& world, Workload& workload, uint64_t seed);
  ~Bearer() { Stop(); }
  Bearer(const Bearer&) = delete;
  Bearer& operator=(const Bearer&) = delete;

  // Shows nothing any more.
  void Stop();

  // How often a server said something about the token itself.
  uint64_t answers() const { return answers_; }

 private:
  void Rest();
  void Begin();
  void Show(size_t secret, NodeNumber server, bool stale);

  World& world_;
  Workload& workload_;
  const EventOwner owner_;
  Prng prng_;
  uint32_t shows_ = 0;
  uint64_t answers_ = 0;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_BEARER_H_
