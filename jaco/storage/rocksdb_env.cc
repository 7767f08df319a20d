#include "jaco/storage/rocksdb_env.h"

#include <rocksdb/env.h>
#include <rocksdb/status.h>
#include <rocksdb/system_clock.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/check.h"
#include "jaco/env/file_system.h"
#include "jaco/storage/rocksdb_file_system.h"

namespace jaco::storage {
namespace {

// More than any flush leads to: beyond it RocksDB retries for ever what fails.
constexpr int kJobsMax = 1'000'000;

class FrozenClock final : public rocksdb::SystemClock {
 public:
  const char* Name() const override { return "JacoFrozenClock"; }
  uint64_t NowMicros() override { return 1; }
  void SleepForMicroseconds(int) override {}
  rocksdb::Status GetCurrentTime(int64_t* unix_time) override {
    *unix_time = 1;
    return rocksdb::Status::OK();
  }
  std::string TimeToString(uint64_t time) override {
    return absl::StrCat(time);
  }
};

// `base` is there for what RocksDB asks of an Env besides; its thread pools are
// never reached.
class QueueEnv final : public rocksdb::EnvWrapper {
 public:
  explicit QueueEnv(std::unique_ptr<rocksdb::Env> base)
      : EnvWrapper(base.get()), base_(std::move(base)) {
    system_clock_ = std::make_shared<FrozenClock>();
  }

  const char* Name() const override { return "JacoQueueEnv"; }

  void Schedule(void (*function)(void*), void* argument, Priority priority,
                void* tag, void (*unschedule)(void*)) override {
    jobs_.push_back({function, argument, priority, tag, unschedule});
  }

  int UnSchedule(void* tag, Priority priority) override {
    int count = 0;
    for (auto it = jobs_.begin(); it != jobs_.end();) {
      if (it->tag != tag || it->priority != priority) {
        ++it;
        continue;
      }
      const Job job = *it;
      it = jobs_.erase(it);
      if (job.unschedule != nullptr) job.unschedule(job.argument);
      ++count;
    }
    return count;
  }

  void RunScheduled() {
    for (int i = 0; !jobs_.empty(); ++i) {
      JACO_CHECK(i < kJobsMax);
      const Job job = jobs_.front();
      jobs_.pop_front();
      job.function(job.argument);
    }
  }

  void StartThread(void (*)(void*), void*) override {
    JACO_CHECK_MSG(false, "RocksDB wants a thread");
  }
  void WaitForJoin() override {}
  unsigned int GetThreadPoolQueueLen(Priority) const override { return 0; }
  void SetBackgroundThreads(int, Priority) override {}
  int GetBackgroundThreads(Priority) override { return 1; }
  void IncBackgroundThreadsIfNeeded(int, Priority) override {}
  int ReserveThreads(int, Priority) override { return 0; }
  int ReleaseThreads(int, Priority) override { return 0; }

  uint64_t NowMicros() override { return system_clock_->NowMicros(); }
  uint64_t NowNanos() override { return system_clock_->NowNanos(); }
  uint64_t NowCPUNanos() override { return 0; }
  void SleepForMicroseconds(int) override {}
  rocksdb::Status GetCurrentTime(int64_t* unix_time) override {
    return system_clock_->GetCurrentTime(unix_time);
  }
  std::string TimeToString(uint64_t time) override {
    return system_clock_->TimeToString(time);
  }
  rocksdb::Status GetHostName(char* name, uint64_t size) override {
    std::memset(name, 0, size);
    return rocksdb::Status::OK();
  }

 private:
  struct Job {
    void (*function)(void*);
    void* argument;
    Priority priority;
    void* tag;
    void (*unschedule)(void*);
  };

  std::unique_ptr<rocksdb::Env> base_;
  std::deque<Job> jobs_;
};

}  // namespace

struct RocksDbEnv::Parts {
  explicit Parts(env::FileSystem& fs)
      : env(rocksdb::NewCompositeEnv(NewRocksDbFileSystem(fs, &last_error))) {}

  absl::Status last_error;
  QueueEnv env;
};

RocksDbEnv::RocksDbEnv(env::FileSystem& fs)
    : parts_(std::make_unique<Parts>(fs)) {}

RocksDbEnv::~RocksDbEnv() = default;

rocksdb::Env* RocksDbEnv::get() const { return &parts_->env; }

void RocksDbEnv::RunScheduled() { parts_->env.RunScheduled(); }

const absl::Status& RocksDbEnv::last_error() const {
  return parts_->last_error;
}

void RocksDbEnv::ClearError() { parts_->last_error = absl::OkStatus(); }

}  // namespace jaco::storage
