// `jaco operator raft info|logs|state`: what is on the disk of a server that
// does not run.

#ifndef JACO_CMD_OFFLINE_RAFT_H_
#define JACO_CMD_OFFLINE_RAFT_H_

#include <cstdint>
#include <limits>
#include <string>

#include "jaco/cmd/cli.h"

namespace jaco::cmd {

struct OfflineRaftOptions {
  enum class What { kInfo, kLogs, kState };
  What what = What::kInfo;
  std::string data_dir;
  std::string output = "table";  // or json, yaml
  // logs: the first and the last index.
  uint64_t from = 0;
  uint64_t to = std::numeric_limits<uint64_t>::max();
};

// Prints what can be read to `world.out` and an error for each damage to
// `world.err`. Returns 0, or 1 when there was any error: conflict when jacod
// has the directory.
int RunOfflineRaft(const OfflineRaftOptions& options, const CliWorld& world);

}  // namespace jaco::cmd

#endif  // JACO_CMD_OFFLINE_RAFT_H_
