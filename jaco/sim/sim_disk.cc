#include "jaco/sim/sim_disk.h"

#include <algorithm>

#include "jaco/base/check.h"

namespace jaco::sim {

SimDisk::SimDisk(EventQueue& queue, const SimEventLoop& loop,
                 env::FileSystem& files, const DiskOptions& options, Prng prng)
    : queue_(queue),
      owner_(loop.owner()),
      node_(loop.node()),
      files_(files),
      options_(options),
      lanes_{LaneState(Prng(prng.Next())), LaneState(Prng(prng.Next())),
             LaneState(Prng(prng.Next())), LaneState(Prng(prng.Next()))} {}

void SimDisk::Submit(env::Lane lane, Job job, Done done) {
  LaneState& state = StateOf(lane);
  state.waiting.push_back({std::move(job), std::move(done)});
  if (state.waiting.size() == 1) StartNext(lane);
}

void SimDisk::StallUntil(Instant until) {
  stalled_until_ = std::max(stalled_until_, until);
}

void SimDisk::EndStall() {
  if (stalled_until_ <= queue_.now()) return;
  stalled_until_ = queue_.now();
  for (int i = 0; i < env::kLaneCount; ++i) {
    const auto lane = static_cast<env::Lane>(i);
    if (StateOf(lane).waiting.empty()) continue;
    queue_.Cancel(StateOf(lane).next_job);
    StartNext(lane);
  }
}

void SimDisk::StartNext(env::Lane lane) {
  LaneState& state = StateOf(lane);
  const Duration latency =
      options_.job_base + state.prng.Tail(options_.job_tail);
  const Instant when = std::max(queue_.now(), stalled_until_) + latency;
  state.next_job =
      queue_.Schedule(when, owner_, LabelOf(EventKind::kDiskJob, lane),
                      [this, lane] { RunJob(lane); });
}

void SimDisk::RunJob(env::Lane lane) {
  LaneState& state = StateOf(lane);
  JACO_CHECK(!state.waiting.empty());
  if (queue_.now() < stalled_until_) return StartNext(lane);
  Work work = std::move(state.waiting.front());
  absl::Status status = std::move(work.job)(files_);
  // A job is gone before its `done` runs, as in production.
  work.job = nullptr;
  state.waiting.pop_front();
  state.finished.emplace_back(std::move(work.done), std::move(status));
  state.last_done = std::max(
      state.last_done, queue_.now() + state.prng.Tail(options_.done_tail));
  queue_.Schedule(state.last_done, owner_, LabelOf(EventKind::kDiskDone, lane),
                  [this, lane] { RunDone(lane); });
  if (!state.waiting.empty()) StartNext(lane);
}

void SimDisk::RunDone(env::Lane lane) {
  auto [done, status] = std::move(StateOf(lane).finished.front());
  StateOf(lane).finished.pop_front();
  std::move(done)(std::move(status));
}

}  // namespace jaco::sim
