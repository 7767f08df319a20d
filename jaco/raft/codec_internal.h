// What the two halves of the codec share. Not for others.

#ifndef JACO_RAFT_CODEC_INTERNAL_H_
#define JACO_RAFT_CODEC_INTERNAL_H_

#include "absl/status/statusor.h"
#include "jaco/base/endian.h"
#include "jaco/raft/types.h"

namespace jaco::raft::internal {

// Term, index, kind, length of the data.
inline constexpr size_t kEntryHeaderBytes = 8 + 8 + 1 + 4;

// Takes one entry off the front of `reader`.
absl::StatusOr<EntryPtr> ReadEntry(ByteReader& reader);

}  // namespace jaco::raft::internal

#endif  // JACO_RAFT_CODEC_INTERNAL_H_
