// The bytes of a snapshot: a machine's rows and the index that they are of.
// Layout: docs/formats.md.

#ifndef JACO_FSM_SNAPSHOT_H_
#define JACO_FSM_SNAPSHOT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/fsm/row_set.h"
#include "jaco/fsm/state_machine.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {

struct SnapshotContent {
  raft::LogIndex applied;
  std::vector<KeyValue> rows;
};

// `rows` ascend by key.
std::string EncodeSnapshot(raft::LogIndex applied,
                           const std::vector<SharedRow>& rows);

// Errors: kFailedPrecondition for a version that this build does not know, and
// kDataLoss for anything else that EncodeSnapshot cannot have written (the
// order of the keys is left to whoever loads them).
absl::StatusOr<SnapshotContent> DecodeSnapshot(absl::string_view bytes);

}  // namespace jaco::fsm

#endif  // JACO_FSM_SNAPSHOT_H_
