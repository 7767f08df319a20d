#include "jaco/env/posix/posix_disk.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace jaco::env {
namespace {

constexpr const char* kLaneNames[kLaneCount] = {
    "jaco-log", "jaco-apply", "jaco-snapshot", "jaco-compute"};

struct Work {
  Disk::Job job;
  Disk::Done done;
};

// Signals are the loop thread's business. The new thread inherits the mask.
std::thread StartWithSignalsBlocked(absl::AnyInvocable<void()> body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

// Jobs travel in two vectors that change places, so that in the steady state
// neither side allocates: a submit is a push, a lock and a notify.
class PosixDisk::LaneThread {
 public:
  LaneThread(const char* name, EventLoop* loop, FileSystem* file_system)
      : loop_(loop), file_system_(file_system) {
    thread_ = StartWithSignalsBlocked([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), name);
  }

  ~LaneThread() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_.store(true, std::memory_order_relaxed);
    }
    wake_.notify_one();
    thread_.join();
    // `queued_` and what is left of `running_` are destroyed with this object.
  }

  void Submit(Job job, Done done) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      queued_.push_back({std::move(job), std::move(done)});
    }
    wake_.notify_one();
  }

 private:
  void Run() {
    while (TakeQueued()) {
      for (Work& work : running_) {
        if (stopping_.load(std::memory_order_relaxed)) return;
        RunOne(work);
      }
      running_.clear();
    }
  }

  // Waits for work; false when the lane stops.
  bool TakeQueued() {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [this] {
      return stopping_.load(std::memory_order_relaxed) || !queued_.empty();
    });
    std::swap(queued_, running_);
    return !stopping_.load(std::memory_order_relaxed);
  }

  void RunOne(Work& work) {
    absl::Status status = work.job(*file_system_);
    // What the job owns goes before the loop hears of its end.
    work.job = nullptr;
    loop_->Post(
        [done = std::move(work.done), status = std::move(status)]() mutable {
          done(std::move(status));
        });
  }

  EventLoop* const loop_;
  FileSystem* const file_system_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};  // written under mutex_
  std::vector<Work> queued_;           // under mutex_
  std::vector<Work> running_;          // of thread_, until it is joined
  std::thread thread_;
};

PosixDisk::PosixDisk(EventLoop* loop, FileSystem* file_system)
    : loop_(loop), file_system_(file_system) {}

PosixDisk::~PosixDisk() = default;

void PosixDisk::Submit(Lane lane, Job job, Done done) {
  const auto index = static_cast<size_t>(lane);
  auto& thread = lanes_[index];
  if (thread == nullptr) {
    thread =
        std::make_unique<LaneThread>(kLaneNames[index], loop_, file_system_);
  }
  thread->Submit(std::move(job), std::move(done));
}

}  // namespace jaco::env
