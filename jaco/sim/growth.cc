#include "jaco/sim/growth.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "jaco/raft/raft.h"
#include "jaco/server/snapshots.h"
#include "jaco/sim/sim_node.h"

namespace jaco::sim {
namespace {

// Entries that came while a snapshot was being taken.
constexpr uint64_t kEntriesMeanwhile = 16;
// Identity, votes, marks, snapshots, what is being received, and segments that
// are about to go.
constexpr uint64_t kOtherFiles = 24;

std::string OvergrownMember(SimNode& node, const GrowthLimits& limits) {
  const raft::Log& log = node.server()->raft()->log();
  const uint64_t entries = log.last().index - log.start().index;
  if (entries > limits.entries) {
    return absl::StrCat("node ", node.number(), " keeps ", entries, " entries");
  }
  const uint64_t files = node.files();
  if (files > limits.files && files - limits.files > entries) {
    return absl::StrCat("node ", node.number(), " keeps ", files, " files for ",
                        entries, " entries");
  }
  return "";
}

}  // namespace

GrowthLimits GrowthLimitsOf(const SwarmOptions& options) {
  return {.entries =
              options.snapshot_entries +
              server::Snapshots::kTrailingForLive * options.snapshot_trailing +
              kEntriesMeanwhile,
          // Each segment of the log has an entry at least. RocksDB has its own
          // ways, and whoever joined again keeps what it had before.
          .files = options.rocksdb || options.walk
                       ? std::numeric_limits<uint64_t>::max()
                       : kOtherFiles};
}

std::string Overgrown(World& world, const GrowthLimits& limits) {
  const NodeNumber leader = world.Leader();
  if (leader == kWorld) return "";
  const raft::Configuration& members =
      world.node(leader).server()->raft()->configuration();
  for (NodeNumber i = 1; i <= world.servers(); ++i) {
    SimNode& node = world.node(i);
    const bool runs = node.up() && node.server()->raft() != nullptr;
    if (!runs || !members.Contains(world.IdOf(i))) continue;
    if (std::string what = OvergrownMember(node, limits); !what.empty()) {
      return what;
    }
  }
  return "";
}

}  // namespace jaco::sim
