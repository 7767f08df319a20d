#ifndef JACO_ENV_EVENT_LOOP_H_
#define JACO_ENV_EVENT_LOOP_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "jaco/base/time.h"

namespace jaco::env {

using Task = absl::AnyInvocable<void()>;

// 0 names no timer.
using TimerId = uint64_t;

// The one thread on which a server runs. Every callback of every interface in
// jaco/env runs here, one at a time, to completion. Twins: PosixEventLoop,
// SimEventLoop.
//
// Destroying the loop (in the simulator: a crash) destroys queued tasks unrun,
// so a task may own what it captures but must not count on being run.
class EventLoop {
 public:
  virtual ~EventLoop() = default;

  // Runs `task` soon, after everything posted before it. Never runs it before
  // returning. Any thread.
  virtual void Post(Task task) = 0;

  // Runs `task` once, not before `delay` from now (negative: as 0). Loop
  // thread.
  virtual TimerId After(Duration delay, Task task) = 0;

  // Forgets a timer and destroys its task unrun. No effect when the timer has
  // run or was cancelled already, or is 0. Loop thread.
  virtual void Cancel(TimerId timer) = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_EVENT_LOOP_H_
