#include "jaco/env/posix/posix_event_loop.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace jaco::env {

// The hint 1: one thread runs the context, though several may post to it.
PosixEventLoop::PosixEventLoop()
    : io_context_(std::make_unique<boost::asio::io_context>(1)),
      kernel_timer_(std::make_unique<boost::asio::steady_timer>(*io_context_)) {
}

PosixEventLoop::~PosixEventLoop() {
  // In this order, with the members still alive: what a task owns may cancel
  // timers or close sockets of the context while it is destroyed.
  deadlines_.clear();
  auto timers = std::move(timers_);
  timers.clear();
  kernel_timer_.reset();
  io_context_.reset();
}

void PosixEventLoop::Post(Task task) {
  boost::asio::post(*io_context_, std::move(task));
}

TimerId PosixEventLoop::After(Duration delay, Task task) {
  const auto wait =
      std::chrono::nanoseconds(std::max<int64_t>(0, delay.nanoseconds()));
  const TimePoint now = std::chrono::steady_clock::now();
  const TimePoint deadline =
      wait < TimePoint::max() - now ? now + wait : TimePoint::max();
  const TimerId id = ++last_timer_;
  timers_.emplace(TimerKey(deadline, id), std::move(task));
  deadlines_.emplace(id, deadline);
  if (deadline < armed_for_) Arm();
  return id;
}

void PosixEventLoop::Cancel(TimerId timer) {
  const auto found = deadlines_.find(timer);
  if (found == deadlines_.end()) return;
  const auto entry = timers_.find(TimerKey(found->second, timer));
  deadlines_.erase(found);
  if (entry == timers_.end()) return;
  // Destroyed last: its captures may call back in here.
  const Task task = std::move(entry->second);
  timers_.erase(entry);
}

void PosixEventLoop::Arm() {
  armed_for_ = timers_.begin()->first.first;
  kernel_timer_->expires_at(armed_for_);
  kernel_timer_->async_wait([this](boost::system::error_code error) {
    // Moved forward meanwhile: the new wait does the work.
    if (error) return;
    RunDueTimers();
  });
}

void PosixEventLoop::RunDueTimers() {
  armed_for_ = TimePoint::max();
  // Taken once: a timer of delay 0 set by a timer waits for other work.
  const TimePoint now = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const auto first = timers_.begin();
    Task task = std::move(first->second);
    deadlines_.erase(first->first.second);
    timers_.erase(first);
    task();
  }
  if (!timers_.empty() && timers_.begin()->first.first < armed_for_) Arm();
}

void PosixEventLoop::Run() {
  const auto guard = boost::asio::make_work_guard(*io_context_);
  io_context_->restart();
  io_context_->run();
}

void PosixEventLoop::Stop() { io_context_->stop(); }

}  // namespace jaco::env
