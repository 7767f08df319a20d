#ifndef JACO_ENV_POSIX_POSIX_DISK_H_
#define JACO_ENV_POSIX_POSIX_DISK_H_

#include <array>
#include <memory>

#include "jaco/env/disk.h"
#include "jaco/env/event_loop.h"
#include "jaco/env/file_system.h"

namespace jaco::env {

// A thread a lane, started by the lane's first job.
class PosixDisk final : public Disk {
 public:
  // Both are borrowed and outlive the disk. Jobs of different lanes use
  // `file_system` at the same time.
  PosixDisk(EventLoop* loop, FileSystem* file_system);
  // Waits for the jobs that are running and destroys those that have not
  // begun, with their `done`s, here. A `done` whose job has ended may be on the
  // loop already: it is destroyed with the loop, or runs if that goes on.
  ~PosixDisk() override;

  void Submit(Lane lane, Job job, Done done) override;

 private:
  class LaneThread;

  EventLoop* loop_;
  FileSystem* file_system_;
  std::array<std::unique_ptr<LaneThread>, kLaneCount> lanes_;
};

}  // namespace jaco::env

#endif  // JACO_ENV_POSIX_POSIX_DISK_H_
