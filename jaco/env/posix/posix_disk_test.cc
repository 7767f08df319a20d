#include "jaco/env/posix/posix_disk.h"

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "jaco/env/posix/posix_event_loop.h"
#include "jaco/env/posix/posix_file_system.h"

namespace jaco::env {
namespace {

class PosixDiskTest : public testing::Test {
 protected:
  PosixEventLoop loop_;
  PosixFileSystem files_;
  std::unique_ptr<PosixDisk> disk_ =
      std::make_unique<PosixDisk>(&loop_, &files_);
};

TEST_F(PosixDiskTest, RunsALaneInOrderAndReportsOnTheLoop) {
  constexpr int kJobs = 1000;
  std::vector<int> jobs, dones;
  const auto loop_thread = std::this_thread::get_id();
  for (int i = 0; i < kJobs; ++i) {
    disk_->Submit(
        Lane::kLog,
        [&, i](FileSystem&) {
          EXPECT_NE(std::this_thread::get_id(), loop_thread);
          jobs.push_back(i);
          return absl::OkStatus();
        },
        [&, i](absl::Status status) {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          EXPECT_TRUE(status.ok());
          dones.push_back(i);
          if (i == kJobs - 1) loop_.Stop();
        });
  }
  loop_.Run();
  ASSERT_EQ(jobs.size(), size_t{kJobs});
  ASSERT_EQ(dones.size(), size_t{kJobs});
  for (int i = 0; i < kJobs; ++i) {
    ASSERT_EQ(jobs[i], i);
    ASSERT_EQ(dones[i], i);
  }
}

TEST_F(PosixDiskTest, HandsOverTheStatus) {
  disk_->Submit(
      Lane::kApply,
      [](FileSystem& files) { return files.Remove("/nowhere/at/all"); },
      [&](absl::Status status) {
        EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
        loop_.Stop();
      });
  loop_.Run();
}

TEST_F(PosixDiskTest, LanesDoNotWaitForEachOther) {
  std::promise<void> release;
  disk_->Submit(
      Lane::kSnapshot,
      [future = release.get_future()](FileSystem&) mutable {
        future.wait();
        return absl::OkStatus();
      },
      [&](absl::Status) { loop_.Stop(); });
  disk_->Submit(
      Lane::kLog, [](FileSystem&) { return absl::OkStatus(); },
      [&](absl::Status) { release.set_value(); });
  loop_.Run();
}

TEST_F(PosixDiskTest, ADoneMaySubmit) {
  int left = 50;
  absl::AnyInvocable<void(absl::Status)> next;
  auto submit = [&](auto& self) -> void {
    disk_->Submit(
        Lane::kLog, [](FileSystem&) { return absl::OkStatus(); },
        [&](absl::Status) { --left == 0 ? loop_.Stop() : self(self); });
  };
  submit(submit);
  loop_.Run();
  EXPECT_EQ(left, 0);
}

TEST_F(PosixDiskTest, EndsTheRunningJobAndDestroysTheRestUnrun) {
  std::promise<void> begun, release;
  auto token = std::make_shared<int>(0);
  bool ended = false;
  disk_->Submit(
      Lane::kLog,
      [&](FileSystem&) {
        begun.set_value();
        release.get_future().wait();
        ended = true;
        return absl::OkStatus();
      },
      [token](absl::Status) { FAIL() << "the loop does not run"; });
  for (int i = 0; i < 10; ++i) {
    disk_->Submit(
        Lane::kLog,
        [token](FileSystem&) {
          ADD_FAILURE() << "was not running";
          return absl::OkStatus();
        },
        [token](absl::Status) { FAIL(); });
  }
  begun.get_future().wait();
  std::thread releaser([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    release.set_value();
  });
  disk_.reset();
  releaser.join();
  EXPECT_TRUE(ended);
  EXPECT_EQ(token.use_count(), 2);  // The posted one goes with the loop.
}

TEST_F(PosixDiskTest, StartsNoThreadWithoutWork) { disk_.reset(); }

}  // namespace
}  // namespace jaco::env
