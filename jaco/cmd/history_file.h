// Histories of operator tokens that clients of real servers wrote down, one
// operation a line; the format is in docs/formats.md.

#ifndef JACO_CMD_HISTORY_FILE_H_
#define JACO_CMD_HISTORY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/server/api.h"
#include "jaco/sim/checkers/findings.h"

namespace jaco::sim {

enum class OperationKind { kIssue, kRevoke, kList };

enum class OperationOutcome {
  kOk,
  kExists,   // of issue: somebody's call did it before
  kMissing,  // of revoke: there is no such token
  kRefused,  // did not happen, and never will
  kUnknown,  // may have happened, or may yet
};

struct Operation {
  size_t line = 0;  // in the file, from 1
  OperationKind kind = OperationKind::kIssue;
  OperationOutcome outcome = OperationOutcome::kUnknown;
  // Nanoseconds of one clock. Without an answer `returned` means nothing.
  uint64_t called = 0;
  uint64_t returned = 0;
  std::string identity;             // not of lists
  uint64_t index = 0;               // of kOk
  server::ListTokensResponse list;  // of a list that is kOk
};

// Error: parse_failed, with "line N: " first.
absl::StatusOr<std::vector<Operation>> ParseHistory(absl::string_view text);

// The first violation that TokenHistory finds, or that a refused call took
// effect.
std::optional<Violation> CheckHistory(const std::vector<Operation>& history);

// The operations that `violation` speaks of: by identity or by time. In the
// order of `history`, not more than `count_max`.
std::vector<const Operation*> Offenders(const std::vector<Operation>& history,
                                        const Violation& violation,
                                        size_t count_max);

}  // namespace jaco::sim

#endif  // JACO_CMD_HISTORY_FILE_H_
