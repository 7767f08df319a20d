// What a seed stands for: the shape of a world and which faults, how hard.
//
// Swarm testing: each fault class is on or off by seed, because bugs hide from
// runs in which everything happens at once.

#ifndef JACO_SIM_SWARM_OPTIONS_H_
#define JACO_SIM_SWARM_OPTIONS_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "jaco/base/time.h"
#include "jaco/sim/sim_disk.h"
#include "jaco/sim/sim_network.h"

namespace jaco::sim {

// Appended to only: the numbers key random streams.
enum class FaultKind : uint8_t {
  kCrash,       // power loss or process death, then a restart
  kCrashInJob,  // the same, in the midst of a disk job
  kPause,
  kPartition,  // two halves
  kOneWayCut,  // one half does not hear the other
  kIsolate,    // one node
  kBridge,     // two halves that one node connects
  kClog,       // a link holds its frames, then lets them go
  kSlowLink,
  kDiskStall,
  kDiskError,  // one operation fails with EIO
  kDiskFull,   // one operation fails with ENOSPC
  kWallJump,
  kReconfigure,  // the leader is asked for other members, maybe without itself
  kTransfer,     // the leader is asked to hand over
  // A server goes down, its files are damaged, and it comes up again. Only
  // while no more than a minority is damaged and not repaired yet.
  kBitRot,
  kLostWrite,
  kMisdirectedWrite,
  kNoRoom,   // the disk stays full for a while
  kLeave,    // any server is asked to remove a node, or to take one in
  kChain,    // nodes reach only their neighbours in a row
  kSwizzle,  // links of some nodes clog one by one, and are released likewise
  kReset,    // connections break and take along what is in flight
  kNarrow,   // a link carries so many bytes a second, and queues so many
  // Parts of a file cannot be read until they are written again: EIO.
  kUnreadable,
  // A member's disk is lost, and it comes back with an empty one under the same
  // name. Of a walk.
  kWipe,
};
inline constexpr int kFaultKinds = 26;
// As "one-way-cut".
absl::string_view FaultKindName(FaultKind kind);

struct FaultOptions {
  Duration interval;  // on average; 0: none of this kind
  Duration length;    // on average
};

struct SwarmOptions {
  int servers = 3;  // that found the cluster
  int spares = 0;   // that wait until somebody adds them
  bool rocksdb = false;
  uint64_t segment_bytes = uint64_t{64} << 10;  // of the Raft log
  // One sync in so many does nothing and says that it did; 0: none. A planted
  // bug, never drawn.
  uint64_t lying_disk_one_in = 0;

  Duration election_timeout = Milliseconds(300);
  Duration heartbeat_interval = Milliseconds(30);
  int64_t drift_ppm_max = 0;
  Duration timer_lateness;
  LinkOptions link;
  DiskOptions disk;

  bool lease_reads = false;  // within the bound that drift_ppm_max is
  bool lease_mixed = false;  // by start of a server: some without the option
  // How far true drift goes beyond that bound, in ppm. A planted bug, never
  // drawn.
  int64_t drift_ppm_beyond = 0;
  // Every server has a lower priority than the one before.
  bool priorities = false;

  // Small numbers, so that logs are compacted and followers need snapshots. Not
  // drawn for all seeds.
  uint64_t snapshot_entries = 8192;
  uint64_t snapshot_trailing = 1024;
  uint64_t snapshot_log_bytes = uint64_t{16} << 20;
  uint64_t snapshot_chunk_bytes = uint64_t{128} << 10;
  uint64_t snapshot_window = 4;

  // The servers choose their voters themselves; kReconfigure adds and removes
  // members. Otherwise it chooses the voters too.
  bool voter_policy = false;
  // Of ServerStabilizationTime and the like, and until a server that is silent
  // is removed for good.
  Duration settle_time = Milliseconds(500);
  Duration remove_dead_after = Seconds(5);

  // kReconfigure has one server after the other join the first by a token until
  // there are nine, and then removes any, until there is one. Never drawn:
  // MakeWalk.
  bool walk = false;

  int clients = 3;
  Duration client_pause = Milliseconds(100);  // between operations, on average
  Duration client_timeout = Seconds(2);

  Duration fault_time = Seconds(30);
  // In which the healed cluster has to be right again.
  Duration liveness_time = Seconds(20);
  std::array<FaultOptions, kFaultKinds> faults = {};

  FaultOptions& FaultsOf(FaultKind kind) {
    return faults[static_cast<size_t>(kind)];
  }
  bool MembersChange() const {
    return faults[static_cast<size_t>(FaultKind::kReconfigure)].interval >
           Duration();
  }
};

SwarmOptions DrawSwarmOptions(uint64_t seed);

// The same with a cluster that grows from one member to nine and shrinks again.
void MakeWalk(uint64_t seed, SwarmOptions& options);

// One line, "servers=3 rocksdb=no ... crash=500ms/1200ms ...".
std::string Describe(const SwarmOptions& options);

}  // namespace jaco::sim

#endif  // JACO_SIM_SWARM_OPTIONS_H_
