#ifndef JACO_SIM_SIM_DISK_H_
#define JACO_SIM_SIM_DISK_H_

#include <array>
#include <deque>
#include <utility>

#include "absl/status/status.h"
#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/env/disk.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_event_loop.h"

namespace jaco::sim {

// How long jobs take; the two parts are drawn apart.
struct DiskOptions {
  // From when the lane is free until the job's effects are there, all at once.
  Duration job_base = Microseconds(20);
  Duration job_tail = Microseconds(20);
  // From then until `done` runs: a crash in between leaves work that its owner
  // never hears of.
  Duration done_tail = Microseconds(2);
};

// The disk of one incarnation. Work that is pending when it is destroyed is
// destroyed unrun. The loop, the queue and the file system outlive it.
class SimDisk final : public env::Disk {
 public:
  SimDisk(EventQueue& queue, const SimEventLoop& loop, env::FileSystem& files,
          const DiskOptions& options, Prng prng);

  void Submit(env::Lane lane, Job job, Done done) override;

  // No job takes effect before `until`.
  void StallUntil(Instant until);

 private:
  struct Work {
    Job job;
    Done done;
  };
  struct LaneState {
    explicit LaneState(Prng stream) : prng(stream) {}
    Prng prng;
    std::deque<Work> waiting;  // the first is under way
    std::deque<std::pair<Done, absl::Status>> finished;
    Instant last_done;
  };

  LaneState& StateOf(env::Lane lane) { return lanes_[static_cast<int>(lane)]; }
  EventLabel LabelOf(EventKind kind, env::Lane lane) const {
    return {kind, node_, kWorld, static_cast<uint32_t>(lane)};
  }
  void StartNext(env::Lane lane);
  void RunJob(env::Lane lane);
  void RunDone(env::Lane lane);

  EventQueue& queue_;
  const EventOwner owner_;
  const NodeNumber node_;
  env::FileSystem& files_;
  const DiskOptions options_;
  Instant stalled_until_;
  std::array<LaneState, env::kLaneCount> lanes_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_DISK_H_
