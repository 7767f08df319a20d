// Every file operation of a run fails once, in each way that it can; whatever
// the crash leaves, the next Open finds all that was acknowledged and nothing
// that was not written.

#include <algorithm>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "jaco/sim/storage/raft_log_model.h"
#include "jaco/storage/raft_log.h"

namespace jaco::storage {
namespace {

using Fault = sim::SimFileSystem::Fault;

// A server that writes to its log until something fails, and starts again.
class TestServer {
 public:
  TestServer(uint64_t seed, uint64_t workload)
      : fs_(NewFileSystem(seed)), prng_(seed), workload_(workload) {}

  sim::SimFileSystem& fs() { return *fs_; }

  // False when an operation failed.
  bool OpenAndWrite(int batches) {
    if (!Open().ok()) return false;
    for (int i = 0; i < batches; ++i) {
      const std::vector<raft::Persist> batch = DrawBatch(acked_, workload_);
      possible_ = StatesDuring(acked_, batch);
      if (!log_->Write(batch).ok()) return false;
      acked_ = possible_.back();
      possible_ = {acked_};
      if (workload_.Chance(1, 4) && !Compact()) return false;
    }
    return true;
  }

  bool Compact() {
    const raft::LogIndex start = acked_.start.index;
    const uint64_t held = acked_.entries.size();
    const raft::LogIndex index = start + workload_.Between(0, held);
    if (index == start) return true;
    const raft::EntryId id = acked_.entries[index - start - 1].id;
    LogState compacted = acked_;
    compacted.CompactTo(id);
    possible_ = {acked_, compacted};
    if (!log_->CompactTo(MakeLogStart(id)).ok()) return false;
    // The log may still begin earlier; in this model it need not.
    acked_ = compacted;
    possible_ = {acked_};
    return true;
  }

  // Checks what is there against what may be.
  absl::Status Open() {
    log_.reset();
    RecoveredLog recovered;
    auto log = RaftLog::Open(*fs_, TestOptions(), &recovered);
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    const LogState found = LogState::Of(recovered);
    const auto state = std::find_if(
        possible_.begin(), possible_.end(),
        [&](const LogState& possible) { return found.Holds(possible); });
    EXPECT_TRUE(state != possible_.end())
        << "found entries " << found.start.index.value() << " to "
        << found.last().index.value() << ", acknowledged "
        << acked_.start.index.value() << " to " << acked_.last().index.value();
    acked_ = found;
    possible_ = {acked_};
    return absl::OkStatus();
  }

  // Power loss, or only the process's end.
  void Stop() {
    if (prng_.Chance(1, 3)) {
      fs_->Restart();
    } else {
      fs_->Crash(prng_);
    }
  }

  // Recovers, sometimes through further failures, and goes on.
  void RecoverAndGoOn(Fault fault) {
    Stop();
    if (prng_.Chance(1, 2)) {
      fs_->FailAt(fs_->operations() + prng_.Between(1, 30), fault);
      if (!OpenAndWrite(2)) Stop();
    }
    fs_->FailAt(0, fault);
    const absl::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened;
    // What Open reported is durable, also when it was found in the page cache.
    fs_->Crash(prng_);
    ASSERT_TRUE(OpenAndWrite(8));
    fs_->Crash(prng_);
    const absl::Status reopened = Open();
    ASSERT_TRUE(reopened.ok()) << reopened;
  }

 private:
  std::unique_ptr<sim::SimFileSystem> fs_;
  Prng prng_;
  Prng workload_;
  std::unique_ptr<RaftLog> log_;
  LogState acked_;
  // What the next Open may find.
  std::vector<LogState> possible_ = {LogState()};
};

constexpr int kBatches = 30;

class RaftLogCrashTest : public ::testing::TestWithParam<Fault> {};

TEST_P(RaftLogCrashTest, AtEveryOperation) {
  TestServer whole(0, 7);
  ASSERT_TRUE(whole.OpenAndWrite(kBatches));
  const uint64_t operations = whole.fs().operations();
  for (uint64_t n = 3; n <= operations; ++n) {
    for (uint64_t seed = 0; seed < 2; ++seed) {
      SCOPED_TRACE(testing::Message() << "operation " << n << " seed " << seed);
      TestServer run(seed * 1000 + n, 7);
      run.fs().FailAt(n, GetParam());
      // Only a segment that could not be removed passes unnoticed.
      run.OpenAndWrite(kBatches);
      run.RecoverAndGoOn(GetParam());
      if (HasFailure()) return;
    }
  }
}

TEST_P(RaftLogCrashTest, AtDrawnOperationsOfManyWorkloads) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    TestServer run(seed, seed);
    run.fs().FailAt(3 + Mix64(seed) % 200, GetParam());
    run.OpenAndWrite(kBatches);
    run.RecoverAndGoOn(GetParam());
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, RaftLogCrashTest,
                         ::testing::Values(Fault::kCrash, Fault::kIoError,
                                           Fault::kNoSpace),
                         [](const auto& info) {
                           switch (info.param) {
                             case Fault::kCrash:
                               return "Crash";
                             case Fault::kIoError:
                               return "IoError";
                             default:
                               return "NoSpace";
                           }
                         });

}  // namespace
}  // namespace jaco::storage
