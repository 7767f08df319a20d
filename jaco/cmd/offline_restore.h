#ifndef JACO_CMD_OFFLINE_RESTORE_H_
#define JACO_CMD_OFFLINE_RESTORE_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "jaco/cmd/archive_commands.h"
#include "jaco/server/api.h"

namespace jaco::cmd {

// Makes the data directory of a jacod that does not run that of the cluster
// whose backup `archive` is, by the configuration that jacod will run with.
// conflict when one runs, or when it has agreed with others on who founds a
// cluster; config_mismatch when its node_name is not `options.name`; and as of
// server::Api::Restore.
absl::StatusOr<server::RestoreResponse> RestoreOffline(
    const ArchiveOptions& options,
    const std::function<std::optional<std::string>(const char*)>& environment,
    std::string archive);

// --name is another node's.
absl::Status NameMismatch(const std::string& name,
                          const std::string& node_name);

}  // namespace jaco::cmd

#endif  // JACO_CMD_OFFLINE_RESTORE_H_
