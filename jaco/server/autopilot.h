// Keeps the members right while this server leads: judges them by what the
// consensus core knows of them, asks the voter policy who should vote, and
// changes the configuration accordingly. Also the way in and out for members.
//
// It judges at each tick, when this server becomes the leader, and when a
// change of members is through. What it knows of others' health begins anew
// with each leadership, so nothing moves right after a failover.

#ifndef JACO_SERVER_AUTOPILOT_H_
#define JACO_SERVER_AUTOPILOT_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "jaco/base/time.h"
#include "jaco/env/event_loop.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/raft/raft.h"
#include "jaco/server/node.h"
#include "jaco/server/voter_policy.h"

namespace jaco::server {

// A member as the leader sees it.
struct MemberHealth {
  raft::NodeId id;
  std::string name;  // its id in decimal when the state knows no such node
  bool voter = false;
  // In touch within LastContactThreshold and at most MaxTrailingLogs behind.
  bool healthy = false;
  Instant stable_since;  // since when `healthy` has been as it is
  Duration last_contact;
  // As `last_contact`, but only while this server was watching: time that it
  // slept through is nobody's silence.
  Duration silence;
  raft::LogIndex match;
  PolicyMember::Health health = PolicyMember::Health::kLive;
};

// Loop thread.
class Autopilot {
 public:
  // `node` outlives this.
  explicit Autopilot(Node* node);
  ~Autopilot();
  Autopilot(const Autopilot&) = delete;
  Autopilot& operator=(const Autopilot&) = delete;

  // All members, by id; empty unless this server leads.
  const std::vector<MemberHealth>& Judge();

  // Adds a member that does not vote, or changes its address. Errors: those of
  // Node::ChangeConfiguration.
  void AddNonvoter(raft::NodeId id, std::string address,
                   absl::AnyInvocable<void(absl::Status)> done);

 private:
  struct Record {
    bool healthy = false;
    Instant stable_since;
  };

  void OnChange();
  void Tick();
  void Arm(Duration delay);
  void Act();
  bool MarkReady();
  bool CleanUp();
  bool TakeIn();
  bool Bury();
  bool Leave();
  bool Dismiss(const fsm::Node& node);
  void Propose(fsm::Command command);
  // Whether it is the only thing that is proposed now, and it is proposed.
  bool Decide(fsm::Command command);
  bool Resign(bool give_up);
  const MemberHealth* Successor(bool untried_only);
  bool IsLeaving(raft::NodeId id) const;
  std::vector<raft::NodeId> VotersWithout(raft::NodeId id) const;
  bool HasMoved(const fsm::Node& node) const;
  void Steer();
  bool IsLeader() const;
  void Watch(Instant now);
  MemberHealth JudgePeer(const raft::Progress& peer, Instant now);
  MemberHealth JudgeSelf(Instant now);
  std::vector<PolicyMember> PolicyMembers() const;
  // `voters` vote, the others do not, those of `removed` are gone.
  void Change(const std::vector<raft::NodeId>& voters,
              const std::vector<raft::NodeId>& removed);
  raft::Configuration Target(const std::vector<raft::NodeId>& voters,
                             const std::vector<raft::NodeId>& removed) const;
  std::vector<fsm::Command> Burials(
      const std::vector<raft::NodeId>& removed) const;
  static fsm::Command BurialOf(const fsm::Node& node);
  bool HandOver();
  const fsm::AutopilotConfig& config() const;
  // A member that has nothing else to say is heard of once a heartbeat.
  Duration contact_threshold() const;
  Duration settle_time() const;
  std::string NameOf(raft::NodeId id) const;

  Node* const node_;
  raft::Term term_;           // of the leadership that the records are of
  raft::NodeId self_;         // as which server
  raft::LogIndex led_since_;  // the end of the log when it began, about
  // Proposals of this leadership that nobody knows the fate of are up to here.
  raft::LogIndex undecided_;
  Instant judged_;          // the last time ...
  Instant watching_since_;  // ... of an unbroken series
  std::map<raft::NodeId, Record> records_;
  std::vector<MemberHealth> health_;
  // Since when this leader tries to dispense with them.
  std::map<raft::NodeId, Instant> leaving_since_;
  // How long the last attempt to hand over may take, and to whom there were
  // some in this turn, in whichever term: whoever could not take over may not
  // the next time.
  Instant handing_over_until_;
  std::set<raft::NodeId> tried_;
  bool changing_ = false;
  int proposals_ = 0;  // under way
  env::TimerId timer_ = 0;
};

}  // namespace jaco::server

#endif  // JACO_SERVER_AUTOPILOT_H_
