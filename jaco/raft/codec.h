// Bytes for messages, entries, hard states and configurations: what peers
// exchange and what the log holds. docs/formats.md gives the layout byte by
// byte.
//
// Decoders take hostile bytes: whatever an encoder cannot have made is
// kInvalidArgument with a message that names what is wrong. They never crash
// and never allocate more than a small multiple of the input.

#ifndef JACO_RAFT_CODEC_H_
#define JACO_RAFT_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/raft/message.h"
#include "jaco/raft/snapshot.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// A message as one frame, version byte first.
std::string EncodeMessage(const Message& message);
// Refused too: entries that do not follow `previous` one by one, or whose terms
// go down or beyond the message's.
absl::StatusOr<Message> DecodeMessage(absl::string_view frame);

// The same for the chunks of snapshots, whose frames are of another kind.
bool IsSnapshotFrame(absl::string_view frame);
std::string EncodeSnapshotMessage(const SnapshotMessage& message);
// Refused too: data beyond the snapshot's size or with another checksum.
absl::StatusOr<SnapshotMessage> DecodeSnapshotMessage(absl::string_view frame);

// How many bytes AppendEntry appends.
size_t EncodedEntrySize(const Entry& entry);
// Appends the encoding of one entry (id, kind, length, data) to `out`. `data`
// is shorter than 4 GiB.
void AppendEntry(const Entry& entry, std::string* out);
// All of `data` is one entry.
absl::StatusOr<EntryPtr> DecodeEntry(absl::string_view data);

std::string EncodeHardState(const HardState& state);
absl::StatusOr<HardState> DecodeHardState(absl::string_view data);

// What is wrong with `configuration` in itself, as "no voters"; empty when
// nothing is.
absl::string_view DefectOf(const Configuration& configuration);

// Lists must be sorted and without repeats, `voters` not empty, no learner in
// `voters`, and no node 0.
std::string EncodeConfiguration(const Configuration& configuration);
absl::StatusOr<Configuration> DecodeConfiguration(absl::string_view data);

}  // namespace jaco::raft

#endif  // JACO_RAFT_CODEC_H_
