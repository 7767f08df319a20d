#ifndef JACO_ENV_POSIX_POSIX_EVENT_LOOP_H_
#define JACO_ENV_POSIX_POSIX_EVENT_LOOP_H_

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "jaco/base/time.h"
#include "jaco/env/event_loop.h"

namespace jaco::env {

// A loop on a boost::asio::io_context, which net's sockets share. The thread
// that calls Run is the loop thread; before Run, the thread that will.
//
// All timers share one kernel timer, which is armed for the earliest of them
// and only ever moved forward: After and Cancel cost no system call in the
// common case, and a loop without timers or work sleeps without waking.
class PosixEventLoop final : public EventLoop {
 public:
  PosixEventLoop();
  // Destroys tasks and completion handlers unrun. Sockets of the io_context
  // that live elsewhere must be gone by then.
  ~PosixEventLoop() override;

  void Post(Task task) override;
  TimerId After(Duration delay, Task task) override;
  void Cancel(TimerId timer) override;

  // Runs tasks until Stop, then returns; may be called again.
  void Run();
  // Makes Run return once the current task is over. Any thread.
  void Stop();

  boost::asio::io_context& io_context() { return *io_context_; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  // By time, then in the order of their making.
  using TimerKey = std::pair<TimePoint, TimerId>;

  void Arm();
  void RunDueTimers();

  std::unique_ptr<boost::asio::io_context> io_context_;
  std::unique_ptr<boost::asio::steady_timer> kernel_timer_;
  // What kernel_timer_ is set to; max() when it is not armed.
  TimePoint armed_for_ = TimePoint::max();
  absl::btree_map<TimerKey, Task> timers_;
  absl::flat_hash_map<TimerId, TimePoint> deadlines_;  // keys of timers_
  TimerId last_timer_ = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_POSIX_POSIX_EVENT_LOOP_H_
