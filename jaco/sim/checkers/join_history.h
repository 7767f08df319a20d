// Who came into the cluster, and by which join token. One token admits one node
// at most, for ever; whoever was removed does not come back by it; nobody is in
// the table of nodes or in any configuration whom no token admitted, but the
// founder; and nobody is told that a token is spent by which it is a node.

#ifndef JACO_SIM_CHECKERS_JOIN_HISTORY_H_
#define JACO_SIM_CHECKERS_JOIN_HISTORY_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "jaco/fsm/cluster_state.h"
#include "jaco/raft/types.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/event.h"

namespace jaco::sim {

class JoinHistory {
 public:
  // A server asks to be admitted, with the token's secret, as the node `id`.
  void OnAsked(NodeNumber server, const std::string& token, uint64_t id);
  // It was told that the token is good for nothing any more.
  void OnSpent(NodeNumber server, const std::string& token,
               Findings& findings) const;

  // What it joined by is lost: who asks in its name from now on is another.
  void OnWiped(NodeNumber server);

  // `nodes`: the table after everything that was committed, each time that
  // this has grown. The first that is in it founded the cluster.
  void Check(const std::map<uint64_t, fsm::Node>& nodes, Findings& findings);
  // Any configuration of any server, once Check has seen what was committed.
  void CheckMembers(const raft::Configuration& configuration,
                    Findings& findings) const;

  // How many were admitted by tokens.
  size_t admitted() const { return admitted_by_.size(); }

 private:
  struct Asked {
    NodeNumber server = 0;  // 0: wiped since
    std::string token;
  };

  void Admit(uint64_t id, Findings& findings);

  std::map<uint64_t, Asked> asked_;              // by id
  std::map<std::string, uint64_t> admitted_by_;  // token -> id
  std::set<uint64_t> known_;                     // that were ever in the table
  std::set<uint64_t> present_;                   // that are in it
};

}  // namespace jaco::sim

#endif  // JACO_SIM_CHECKERS_JOIN_HISTORY_H_
