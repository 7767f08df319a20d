// Operators who let servers join by tokens: they have some member issue one,
// carry it to a server that is no member, and have that try, through whichever
// server, until it is in or is told that the token is good for nothing. Now and
// then two servers are given the same token, or one that was used before. Where
// a token expires before its server is through, they remove what there is of
// it.

#ifndef JACO_SIM_JOINERS_H_
#define JACO_SIM_JOINERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "jaco/base/prng.h"
#include "jaco/sim/departures.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/world.h"

namespace jaco::sim {

class Joiners {
 public:
  // Both outlive this.
  Joiners(World& world, Departures& departures);
  ~Joiners() { world_.queue().CancelAll(owner_); }
  Joiners(const Joiners&) = delete;
  Joiners& operator=(const Joiners&) = delete;

  // Begins with one more server than `members`, once the last one is through.
  void Begin(Prng prng, const raft::Configuration& members);
  // A server that was in lost its disk: what it was is removed, and it joins
  // another time.
  void OnWiped(NodeNumber number);
  // From now on nobody is given a token. Those who have one go on.
  void Finish();
  // Nobody has a token and does not know yet what became of it, and nobody is
  // about to be removed for that.
  bool Idle() const;

  // How often a server was told that it is in.
  uint64_t joined() const { return joined_; }
  // How often one was told that its token is spent.
  uint64_t refused() const { return refused_; }

 private:
  struct Spare {
    std::string token;   // empty: none
    bool asked = false;  // some member, perhaps
    bool trying = false;
    // It is of no use any more, and the cluster may have a row for the server.
    bool expired = false;
    // It was of no use; a call that is still on its way may make the row.
    bool lapsed = false;
    uint64_t incarnation = 0;  // that is trying

    bool IsLapsed() const { return lapsed && token.empty(); }
  };

  void Issue(NodeNumber asked, const std::string& name,
             std::vector<NodeNumber> servers);
  void HandOut(const std::string& token,
               const std::vector<NodeNumber>& servers);
  void Arm();
  void Tick();
  bool SomeLapsed() const;
  void Try(NodeNumber number, NodeNumber peer);
  bool IsIn(NodeNumber number, const absl::Status& status);
  bool IsInTable(NodeNumber number) const;
  bool IsLeftAlone(NodeNumber number) const;
  void Expel(NodeNumber number);
  void OnOutcome(NodeNumber number, const absl::Status& status);
  NodeNumber DrawPeer(NodeNumber number);

  World& world_;
  Departures& departures_;
  const EventOwner owner_;
  Prng prng_;
  PerNode<Spare> spares_;
  std::vector<std::string> used_;
  Instant issuing_until_;
  uint64_t issues_ = 0;
  bool armed_ = false;
  bool finishing_ = false;
  Instant finished_;
  uint64_t joined_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_JOINERS_H_
