// One node of a world: a file system that survives, and an incarnation of the
// server, or none.

#ifndef JACO_SIM_SIM_NODE_H_
#define JACO_SIM_SIM_NODE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "jaco/base/logger.h"
#include "jaco/base/time.h"
#include "jaco/raft/invariants.h"
#include "jaco/server/server.h"
#include "jaco/sim/checkers/findings.h"
#include "jaco/sim/disk_damage.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/sim/sim_network.h"
#include "jaco/sim/swarm_options.h"
#include "jaco/sim/trace.h"

namespace jaco::sim {

// What the nodes of a world share; outlives them.
struct NodeContext {
  EventQueue& queue;
  Trace& trace;
  Fabric& fabric;
  Findings& findings;
  const SwarmOptions& options;
  const uint64_t seed;
  const server::Founding founding;
  // Where servers join by tokens: the present ids of nodes, and their way to
  // each other. Else ids are numbers.
  const std::function<raft::NodeId(NodeNumber)> id_of;
  server::JoinPeer* const join_peer;
};

// A node's name and address; its id is its number, unless it joins by a token.
server::FoundingMember MemberOf(NodeNumber number);

// How a server goes down.
enum class StopKind : uint8_t {
  kPowerLoss,  // what was not synced is kept, lost or torn
  kKill,       // the machine lives on, and everything written
};

class SimNode {
 public:
  SimNode(const NodeContext& context, NodeNumber number);
  ~SimNode();
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;

  NodeNumber number() const { return number_; }
  bool up() const { return incarnation_ != nullptr; }
  // nullptr while it is down.
  server::Server* server() const;
  // How often it was started.
  uint64_t starts() const { return starts_; }

  // It is down. A server that is in no cluster founds it, or waits to be added
  // if it is no founder: until somebody tells it to join, where tokens count.
  void Start();
  // It is up. Not from within the node's own events.
  void Stop(StopKind kind);

  // The power fails at the `operations`-th file operation from now on.
  void FailPowerAt(uint64_t operations);
  // That operation fails; so may the server, and its next starts.
  void FailDiskAt(uint64_t operations, SimFileSystem::Fault fault);
  // The power failed in the midst of a job, or the server has to stop: whoever
  // runs the world calls Stop after the event.
  bool doomed() const;
  bool power_failed() const { return files_.crashed(); }

  // It is up. The disk is sound: no stall, no failure still to come.
  void HealDisk();

  // From now on no file grows, until MakeRoom. Up or down; a restart is allowed
  // to fail for that.
  void FillDisk();
  void MakeRoom();

  // It is down, and was a member. False when there was nothing to damage.
  bool Damage(DamageKind kind, Prng prng);

  // Sectors of its files cannot be read any more; it is down, or with `in_use`
  // up. False when there was nothing to lose.
  bool LoseSectors(bool in_use, Prng prng);
  bool HasUnreadable() const { return !files_.Unreadable().empty(); }
  // Since it started something could not be read.
  bool hit_unreadable() const {
    return files_.unreadable_hits() > unreadable_hits_;
  }
  // It is down.
  void ReplaceUnreadable(bool remove);

  // It is down. Its disk is an empty one from now on, and it is nobody until it
  // joins anew.
  void Wipe();
  bool wiped() const { return wiped_; }

  void StallDisk(Duration length);
  void JumpWall(Duration by);
  // It is up. Undoes all jumps.
  void SetWall();

  // As which server it runs, or did when it was last seen; kNoNode: none yet.
  raft::NodeId id() const { return id_; }
  void SetId(raft::NodeId id) {
    id_ = id;
    wiped_ = false;
  }
  // It is up, and is about to join, and to put away what it was before.
  void BeginJoin() { founded_ = false; }
  void EndJoin();

  // That its disk holds.
  uint64_t files() const { return files_.CountFiles(); }
  // For whoever watches: its server works in the directory of that name there.
  SimFileSystem& disk() { return files_; }
  static constexpr char kDataDirectory[] = "/jaco";

  // As a leader, at this very moment.
  bool HoldsLease() const;

  // For whoever watches: the core as it was after the last event, nothing for a
  // server that was no member then.
  std::optional<raft::Observation>& last_seen() { return last_seen_; }

 private:
  struct Incarnation;

  void MakeDataDirectory();
  void OnStarted(const absl::Status& status);
  void Begin(server::Server& server);
  void OnFounded(const absl::Status& status);
  void OnFailed(const absl::Status& status);
  bool IsDisksFault(const absl::Status& status, bool runs) const;
  void Doom(absl::string_view what, const absl::Status& status,
            bool runs = false);

  const NodeContext& context_;
  const NodeNumber number_;
  SimFileSystem files_;
  uint64_t starts_ = 0;
  bool founded_ = false;  // once, for ever
  bool failed_ = false;
  bool wiped_ = false;  // and not joined since
  // The file operations from which on errors of a kind are the disk's fault; 0:
  // none.
  uint64_t io_error_at_ = 0;
  uint64_t no_space_at_ = 0;
  bool full_ = false;
  bool was_full_ = false;         // since the server started
  uint64_t unreadable_hits_ = 0;  // when it started
  Duration jumped_;
  raft::NodeId id_;
  std::optional<raft::Observation> last_seen_;
  std::unique_ptr<Incarnation> incarnation_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_NODE_H_
