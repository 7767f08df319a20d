// What is replicated: a deterministic machine that is fed committed commands.
// ClusterState is ours; anybody may bring their own and have the simulator try
// it.

#ifndef JACO_FSM_STATE_MACHINE_H_
#define JACO_FSM_STATE_MACHINE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/raft/types.h"

namespace jaco::fsm {

// The verdict on one command, the same on every server.
struct ApplyResult {
  // OK, or why the command changed nothing (an error of the closed set).
  absl::Status status;
  // For the proposer; its format belongs to the machine. Empty on error.
  std::string reply;
};

// A fingerprint of the whole state: equal states have equal digests, and
// different ones differ but for chance.
struct Digest {
  uint64_t high = 0;
  uint64_t low = 0;

  friend bool operator==(const Digest&, const Digest&) = default;
};

// One row of the machine's durable form: nullopt removes the key.
using RowEdit = std::pair<std::string, std::optional<std::string>>;
using KeyValue = std::pair<std::string, std::string>;

// Single-threaded; runs on the loop. The outcome of every call depends on
// nothing but the calls before it: no clock, no randomness, no addresses.
class StateMachine {
 public:
  // Gives self-contained bytes with version and checksum: the state as it was
  // when this was taken. May be called on any thread, whatever becomes of the
  // machine.
  using Snapshot = std::function<std::string()>;

  virtual ~StateMachine() = default;

  // What a leader puts into its log for `command`, which may come from another
  // server: the same, as of `time_unix_ms`, the leader's wall clock. So nothing
  // that Apply would stop at gets into a log, and no clock but the leader's.
  // Errors: those of the closed set; config_mismatch for what this build does
  // not know; conflict for a new certificate authority that was made by a clock
  // that differs from the leader's.
  virtual absl::StatusOr<std::string> Prepare(absl::string_view command,
                                              int64_t time_unix_ms) const = 0;

  // Applies the command of the entry at `index`, which is larger than
  // applied(). Bad or refused commands are an ApplyResult; an error means that
  // this build cannot know what the command does, and the replica must stop
  // rather than diverge.
  virtual absl::StatusOr<ApplyResult> Apply(raft::LogIndex index,
                                            absl::string_view command) = 0;

  // Entries that hold no command (a new leader's no-op, a configuration) have
  // been passed up to `index`.
  virtual void AdvanceTo(raft::LogIndex index) = 0;

  virtual raft::LogIndex applied() const = 0;

  // Cheap: kept up to date by Apply. Does not cover applied().
  virtual Digest digest() const = 0;

  // The rows that changed since the last call, in the order of the changes:
  // made to the rows of then, they give those of now, whatever was called in
  // between (a restored snapshot too is edits).
  virtual std::vector<RowEdit> TakeRowEdits() = 0;

  // Replaces the state by what is in a store of rows, ascending by key; no
  // edits are left to take. Errors: kDataLoss for rows that cannot be; the
  // state is then unspecified.
  virtual absl::Status Load(const std::vector<KeyValue>& rows,
                            raft::LogIndex applied) = 0;

  // Cheap, however large the state is: the work is done when it is called.
  virtual Snapshot TakeSnapshot() const = 0;
  // Replaces the state by a snapshot's. Errors: kDataLoss, and
  // kFailedPrecondition for an unknown version; the state is then unchanged.
  virtual absl::Status RestoreSnapshot(absl::string_view snapshot) = 0;
};

}  // namespace jaco::fsm

#endif  // JACO_FSM_STATE_MACHINE_H_
