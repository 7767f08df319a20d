// The value of the one row of a state store that says which state it is: what
// marks the store as ours, and the index of the last entry applied to the
// others. Layout: docs/formats.md.

#ifndef JACO_STORAGE_APPLIED_ROW_H_
#define JACO_STORAGE_APPLIED_ROW_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/raft/types.h"

namespace jaco::storage {

std::string EncodeAppliedRow(raft::LogIndex applied);

// Errors, which name `directory`: kFailedPrecondition for a format version that
// this build does not know, and damage for anything else that EncodeAppliedRow
// does not make.
absl::StatusOr<raft::LogIndex> DecodeAppliedRow(absl::string_view row,
                                                absl::string_view directory);

}  // namespace jaco::storage

#endif  // JACO_STORAGE_APPLIED_ROW_H_
