#include "jaco/sim/sim_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "jaco/sim/lying_file_system.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/sim_file_system.h"

namespace jaco::sim {
namespace {

using env::Lane;
using testing::ElementsAre;
using testing::IsEmpty;

class SimDiskTest : public testing::Test {
 protected:
  SimDiskTest() { Boot(); }

  void Boot() {
    disk_.reset();
    loop_ =
        std::make_unique<SimEventLoop>(queue_, clock_, 1, Duration(), Prng(1));
    disk_ = std::make_unique<SimDisk>(queue_, *loop_, files_, DiskOptions{},
                                      Prng(2));
  }
  void Submit(Lane lane, const std::string& name) {
    disk_->Submit(
        lane,
        [this, name](env::FileSystem&) {
          order_.push_back("job " + name);
          return absl::InternalError(name);
        },
        [this](const absl::Status& status) {
          order_.push_back("done " + std::string(status.message()));
        });
  }
  bool Step() {
    Event event;
    if (!queue_.Pop(&event)) return false;
    event.task();
    return true;
  }
  void RunAll() {
    while (Step()) {
    }
  }

  EventQueue queue_;
  SimClock clock_{queue_, {}};
  SimFileSystem files_{Prng(3)};
  std::unique_ptr<SimEventLoop> loop_;
  std::unique_ptr<SimDisk> disk_;
  std::vector<std::string> order_;
};

TEST_F(SimDiskTest, ALaneIsInOrderAndHandsStatusesOn) {
  Submit(Lane::kLog, "1");
  Submit(Lane::kLog, "2");
  EXPECT_THAT(order_, IsEmpty());
  RunAll();
  EXPECT_EQ(order_.size(), 4u);
  std::vector<std::string> jobs, dones;
  for (const std::string& what : order_) {
    (what[0] == 'j' ? jobs : dones).push_back(what);
  }
  EXPECT_THAT(jobs, ElementsAre("job 1", "job 2"));
  EXPECT_THAT(dones, ElementsAre("done 1", "done 2"));
  EXPECT_GT(queue_.now(), Instant());
}

TEST_F(SimDiskTest, LanesDoNotWaitForEachOther) {
  for (int i = 0; i < 50; ++i) Submit(Lane::kLog, "log");
  Submit(Lane::kSnapshot, "snapshot");
  RunAll();
  EXPECT_NE(order_.back(), "done snapshot");
}

TEST_F(SimDiskTest, ACrashFallsBetweenAJobAndItsDone) {
  Submit(Lane::kLog, "1");
  Submit(Lane::kLog, "2");
  ASSERT_TRUE(Step());
  EXPECT_THAT(order_, ElementsAre("job 1"));
  Boot();
  RunAll();
  EXPECT_THAT(order_, ElementsAre("job 1"));
}

TEST_F(SimDiskTest, AStallHoldsJobsBack) {
  Submit(Lane::kLog, "1");
  disk_->StallUntil(Instant() + Seconds(3));
  RunAll();
  EXPECT_EQ(order_.size(), 2u);
  EXPECT_GE(queue_.now(), Instant() + Seconds(3));
}

TEST_F(SimDiskTest, ALyingFileSystemKeepsNothing) {
  for (const uint64_t one_in : {1, 1'000'000'000}) {
    SimFileSystem files(Prng(1));
    LyingFileSystem liar(files, one_in, Prng(1));
    {
      auto file = liar.Open("f", env::OpenMode::kCreate);
      ASSERT_TRUE(file.ok());
      ASSERT_TRUE(liar.SyncDirectory("/").ok());
      ASSERT_TRUE((*file)->WriteAt(0, "data").ok());
      ASSERT_TRUE((*file)->Sync().ok());
    }
    // Power losses draw what is kept, so some of many must lose it.
    bool lost = false;
    for (uint64_t seed = 0; seed < 32; ++seed) {
      auto clone = files.Clone();
      Prng prng(seed);
      clone->Crash(prng);
      lost = lost || clone->Contents("f") != "data";
    }
    EXPECT_EQ(lost, one_in == 1);
  }
}

}  // namespace
}  // namespace jaco::sim
