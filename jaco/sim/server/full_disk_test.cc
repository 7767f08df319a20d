// Disks that a server's own log fills: nobody else makes room, and there is
// some, because a snapshot stands for most of the log.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/sim/server/testing/test_cluster.h"

namespace jaco::server {
namespace {

constexpr uint64_t kSegmentBytes = 4096;

class FullDiskTest : public ClusterTest {
 protected:
  // Entries that change nothing: only the log grows. False when one is not
  // committed in time.
  bool Write(int count) {
    for (int i = 0; i < count; ++i) {
      std::string answer;
      for (int tries = 0; answer != "token_exists"; ++tries) {
        if (tries == 20) return false;
        if (tries > 0) Run(Milliseconds(500));
        answer = IssueAgain();
      }
    }
    return true;
  }
  std::string IssueAgain() {
    if (Leader() == 0) return "nobody leads";
    auto answer = std::make_shared<std::optional<absl::Status>>();
    At(Leader()).IssueToken({}, {.identity = "t1"}, [answer](auto response) {
      *answer = response.status();
    });
    for (int i = 0; i < 50 && !answer->has_value(); ++i) Run(Milliseconds(10));
    if (!answer->has_value()) return "no answer";
    return std::string(ErrorCodeName(CodeOf(**answer)));
  }
  uint64_t CountSegments(NodeNumber node) {
    uint64_t count = 0;
    const auto names = files_[node]->List("/data/raft");
    for (const std::string& name : *names) {
      if (absl::EndsWith(name, ".log")) ++count;
    }
    return count;
  }
};

// They all fill at the same time.
TEST_F(FullDiskTest, EqualDisksAllComeBack) {
  for (uint64_t room = 1500; room < kSegmentBytes; room += 500) {
    SCOPED_TRACE(absl::StrCat("two segments and ", room, " bytes"));
    NewDisks(room);
    issued_ = 0;
    Found(3);
    Issue(1);
    ASSERT_TRUE(Write(60));
    for (const NodeNumber node : {1, 2, 3}) {
      sim::SimFileSystem& files = *files_[node];
      files.SetCapacity(files.used_bytes() -
                        CountSegments(node) * kSegmentBytes +
                        2 * kSegmentBytes + room);
    }
    const raft::LogIndex before = At(1).raft()->last().index;
    EXPECT_TRUE(Write(100));
    EXPECT_GE(At(1).raft()->last().index - before, 100u);
    Run(Seconds(2));
    ExpectSameLogs(1, 2);
    ExpectSameLogs(1, 3);
  }
}

// There was no room for the compaction either before it was stopped.
TEST_F(FullDiskTest, AServerThatFindsItsDiskFullComesBack) {
  tune_ = [](ServerOptions& options) {
    options.snapshots.trailing_entries = 1000;
  };
  Found(1);
  Issue(1);
  ASSERT_TRUE(Write(100));
  ASSERT_GE(CountSegments(1), 4u);
  PowerLoss(1);
  files_[1]->SetCapacity(files_[1]->used_bytes() + 600);
  // None is taken before the log needs room.
  tune_ = [](ServerOptions& options) {
    options.snapshots.trailing_entries = 0;
    options.snapshots.entries = 1000;
  };
  Start(1);
  ASSERT_TRUE(processes_[1]->started->ok()) << *processes_[1]->started;
  EXPECT_TRUE(Write(60));
  PowerLoss(1);
  Start(1);
  ASSERT_TRUE(processes_[1]->started->ok()) << *processes_[1]->started;
  EXPECT_TRUE(Write(10));
  EXPECT_FALSE(processes_[1]->failed.has_value());
}

}  // namespace
}  // namespace jaco::server
