#ifndef JACO_SIM_SIM_EVENT_LOOP_H_
#define JACO_SIM_SIM_EVENT_LOOP_H_

#include "jaco/base/prng.h"
#include "jaco/base/time.h"
#include "jaco/env/event_loop.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_clock.h"

namespace jaco::sim {

// The loop of one incarnation: a view of the world's queue under one owner,
// whose events the destructor destroys unrun. `queue` and `clock` outlive it.
class SimEventLoop final : public env::EventLoop {
 public:
  // Timers come up late by a tail about `timer_lateness`, drawn from `prng`;
  // 0: on time.
  SimEventLoop(EventQueue& queue, const SimClock& clock, NodeNumber node,
               Duration timer_lateness, Prng prng)
      : queue_(queue),
        clock_(clock),
        node_(node),
        owner_(queue.NewOwner()),
        timer_lateness_(timer_lateness),
        prng_(prng) {}
  ~SimEventLoop() override { queue_.CancelAll(owner_); }

  void Post(env::Task task) override {
    queue_.Schedule(queue_.now(), owner_, {EventKind::kTask, node_},
                    std::move(task));
  }

  env::TimerId After(Duration delay, env::Task task) override {
    Instant when = clock_.WorldTimeAfter(delay);
    if (timer_lateness_ > Duration()) when = when + prng_.Tail(timer_lateness_);
    return queue_.Schedule(when, owner_, {EventKind::kTimer, node_},
                           std::move(task));
  }

  void Cancel(env::TimerId timer) override { queue_.Cancel(timer); }

  NodeNumber node() const { return node_; }
  // For what else belongs to this incarnation.
  EventOwner owner() const { return owner_; }

 private:
  EventQueue& queue_;
  const SimClock& clock_;
  const NodeNumber node_;
  const EventOwner owner_;
  const Duration timer_lateness_;
  Prng prng_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_EVENT_LOOP_H_
