#ifndef JACO_CMD_RAFT_SETTINGS_H_
#define JACO_CMD_RAFT_SETTINGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/raft/raft.h"

namespace jaco::cmd {

// The keys of the configuration that set something of raft::Options.
const std::vector<std::string>& RaftKeys();

// Sets what `key`, one of them, stands for. kInvalidArgument says what is wrong
// with `value`.
absl::Status SetRaft(absl::string_view key, absl::string_view value,
                     raft::Options* options);

// kInvalidArgument when they do not fit together.
absl::Status CheckRaft(const raft::Options& options);

// In one line, for the log.
std::string DescribeRaft(const raft::Options& options);

}  // namespace jaco::cmd

#endif  // JACO_CMD_RAFT_SETTINGS_H_
