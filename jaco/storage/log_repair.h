// What becomes of a damaged log: what can still be read of it goes into a new
// segment, the log is marked as one that is being repaired, and the rest is set
// aside. docs/decisions/0008-repair.md has the rule and why it is safe.

#ifndef JACO_STORAGE_LOG_REPAIR_H_
#define JACO_STORAGE_LOG_REPAIR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/file_system.h"
#include "jaco/storage/log_recovery.h"
#include "jaco/storage/promise.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {

// The latest state that the log was in before the first damage, or an empty log
// when no such state can be read, or it was one before the members were
// replaced. Changes nothing. `hard_state` is the latest that was found
// anywhere; `promised` is a term that was durable. Errors of `fs`;
// kFailedPrecondition for another format version.
absl::StatusOr<RecoveredLog> SalvageLog(env::FileSystem& fs,
                                        const std::string& directory,
                                        raft::Term promised);

// Empties `log`, but for its hard state, when it ends before
// RaftLog::ReplaceConfiguration, which was in force by `latest`, a term that
// this server has reached, not before that of the log: its configurations are
// not those that others have under the same ids, and would never be replaced by
// them.
void ForgetReplaced(raft::Term latest, RecoveredLog* log);

// Makes the log one that holds `content` and is being repaired because of
// `damage`: durable, and done or not at all, but for the term in `promise`,
// which may have gone up. Fills in content's hard_state, repair_above and
// damage. `promise` is what `file` holds.
absl::StatusOr<LogTail> BeginLogRepair(env::FileSystem& fs,
                                       const RaftLogOptions& options,
                                       const absl::Status& damage,
                                       PromiseFile& file, Promise* promise,
                                       RecoveredLog* content);

// In words, for a log that was found damaged at an earlier start.
std::string DescribeDamage(const std::string& directory,
                           const Promise& promise);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_LOG_REPAIR_H_
