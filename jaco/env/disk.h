#ifndef JACO_ENV_DISK_H_
#define JACO_ENV_DISK_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "jaco/env/file_system.h"

namespace jaco::env {

// Independent queues of disk work; in production a thread each. kCompute is for
// what takes a processor for long, and no file: passwords.
enum class Lane { kLog, kApply, kSnapshot, kCompute };
inline constexpr int kLaneCount = 4;

// Blocking work off the loop. Twins: PosixDisk, SimDisk.
class Disk {
 public:
  using Job = absl::AnyInvocable<absl::Status(FileSystem&)>;
  using Done = absl::AnyInvocable<void(absl::Status)>;

  virtual ~Disk() = default;

  // Runs `job` after every job submitted to `lane` before it, then `done` on
  // the loop with what `job` returned. Within a lane the `done`s run in order;
  // between lanes there is no order. A job must not touch what the loop thread
  // uses; it owns or shares what it needs. When the server goes down, jobs that
  // have not begun and `done`s that have not run are destroyed unrun.
  // Loop thread.
  virtual void Submit(Lane lane, Job job, Done done) = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_DISK_H_
