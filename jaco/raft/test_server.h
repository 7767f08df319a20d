// For tests: a Raft with its driver's half of the contract around it, namely a
// disk that keeps what was reported persisted and loses the rest at a crash.
// What a message promises is compared with that disk.

#ifndef JACO_RAFT_TEST_SERVER_H_
#define JACO_RAFT_TEST_SERVER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "jaco/base/time.h"
#include "jaco/raft/raft.h"
#include "jaco/raft/ready.h"
#include "jaco/raft/types.h"

namespace jaco::raft {

// Does to stable storage what Persist says, and nothing else.
struct ModelDisk {
  HardState hard_state;
  Configuration configuration;
  EntryId start;
  std::vector<EntryPtr> entries;  // those behind `start`
  // See RestoredState.
  Term repair_above;
  bool leases_promised = false;

  void Write(const Persist& write);
  bool Holds(const EntryId& id) const;
};

class TestServer {
 public:
  TestServer(const Options& options, ModelDisk disk, uint64_t seed);

  NodeId id() const { return options_.id; }
  bool up() const { return raft_ != nullptr; }
  // Takes effect at the next start.
  Options& options() { return options_; }
  // Up.
  const Raft& raft() const { return *raft_; }
  const ModelDisk& disk() const { return disk_; }
  Instant now() const { return now_; }
  // As the last Ready said.
  Instant deadline() const { return deadline_; }
  void Advance(Duration time) { now_ = now_ + time; }

  // Gives the core one input (or none), applies what it says is committed, and
  // returns the rest of what it wants done. A broken invariant goes to
  // status().
  Ready Take(const std::function<void(Raft&)>& input);

  // The writes that were asked for and are not durable yet.
  const std::deque<Persist>& writes() const { return writes_; }
  // Makes all of them up to `upto` durable and says so.
  Ready FinishWrites(PersistId upto);

  // Says that there is no room for them.
  Ready RefuseWrites();

  // Forgets the log up to `index`, on the disk too.
  Ready Compact(LogIndex index);

  void Crash();
  Ready Restart();

  // It is down, and all but the first `kept` entries behind the log's start are
  // lost: what recovery makes of that (docs/decisions/0008-repair.md).
  void Damage(size_t kept);
  // Whether it was damaged and lacks something yet.
  bool repairing() const;

  // The first invariant that was broken.
  const absl::Status& status() const { return status_; }

 private:
  template <typename Action>
  void Checked(Action action);
  static void Merge(Ready more, Ready& ready);
  // Whether what `message` promises would survive a crash.
  bool IsDurable(const OutgoingMessage& message) const;

  Options options_;
  ModelDisk disk_;
  uint64_t seed_;
  Instant now_ = Instant() + Seconds(1);
  Instant deadline_;
  std::unique_ptr<Raft> raft_;
  std::deque<Persist> writes_;
  absl::Status status_;
};

}  // namespace jaco::raft

#endif  // JACO_RAFT_TEST_SERVER_H_
