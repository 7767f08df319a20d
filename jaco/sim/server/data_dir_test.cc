#include "jaco/server/data_dir.h"

#include <cstdint>
#include <memory>
#include <optional>

#include "gtest/gtest.h"
#include "jaco/base/prng.h"
#include "jaco/raft/types.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/storage/identity.h"
#include "jaco/storage/raft_log.h"

namespace jaco::server {
namespace {

using Fault = sim::SimFileSystem::Fault;

constexpr char kAddress[] = "10.0.0.7:7001";
constexpr uint64_t kSegmentBytes = 4096;

class DataDirTest : public ::testing::Test {
 protected:
  DataDirTest() {
    EXPECT_TRUE(fs_.CreateDirectory("/data").ok());
    EXPECT_TRUE(fs_.SyncDirectory("/").ok());
  }

  // A member whose settings say that, as it starts for the first time.
  static absl::Status Create(env::FileSystem& fs, bool lease_reads) {
    storage::Identity identity{raft::NodeId(7), "alpha"};
    identity.leases_promised = lease_reads;
    FoundingWrite founding;
    founding.log.id = raft::PersistId(1);
    founding.log.hard_state = raft::HardState{raft::Term(1), raft::kNoNode};
    const auto dir = CreateDataDir(fs, "/data", /*use_rocksdb=*/false, identity,
                                   founding, kSegmentBytes);
    EXPECT_FALSE(dir.ok() && dir->leases_promised);
    return dir.status();
  }
  // A start: whether leases may have been promised before it; nullopt when it
  // fails.
  static std::optional<bool> Open(env::FileSystem& fs, bool lease_reads) {
    const auto dir = OpenDataDir(fs, "/data", kAddress, lease_reads,
                                 /*use_rocksdb=*/false, kSegmentBytes);
    if (!dir.ok() || !dir->has_value()) return std::nullopt;
    return (*dir)->leases_promised;
  }

  sim::SimFileSystem fs_{Prng(1)};
};

// Its entries would count with the term of what comes next, and be taken for
// those of another cluster: every founding is of the same term.
TEST_F(DataDirTest, NothingIsLeftOfAFoundingThatWasCutOff) {
  storage::RaftLogOptions options{.directory = "/data/raft",
                                  .segment_bytes = kSegmentBytes};
  storage::RecoveredLog recovered;
  auto log = storage::RaftLog::Open(fs_, options, &recovered);
  ASSERT_TRUE(log.ok());
  raft::Persist entries{.id = raft::PersistId(1)};
  for (uint64_t i = 1; i <= 2; ++i) {
    entries.entries.push_back(std::make_shared<raft::Entry>(
        raft::Entry{{raft::Term(1), raft::LogIndex(i)}}));
  }
  ASSERT_TRUE((*log)->Write({&entries, 1}).ok());
  log->reset();
  EXPECT_EQ(Open(fs_, false), std::nullopt);

  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 100u);
    const auto copy = fs_.Clone();
    copy->FailAt(copy->operations() + n, Fault::kCrash);
    const bool created = Create(*copy, /*lease_reads=*/false).ok();
    Prng prng(n);
    copy->Crash(prng);
    const auto dir =
        OpenDataDir(*copy, "/data", kAddress, /*lease_reads=*/false,
                    /*use_rocksdb=*/false, kSegmentBytes);
    ASSERT_TRUE(dir.ok()) << dir.status();
    EXPECT_TRUE(dir->has_value() || !created);
    if (dir->has_value()) {
      EXPECT_EQ((*dir)->recovered.entries.size(), 0u) << n;
    }
    if (created) break;
  }
}

TEST_F(DataDirTest, WhetherLeasesWerePromisedIsRemembered) {
  ASSERT_TRUE(Create(fs_, /*lease_reads=*/false).ok());
  EXPECT_EQ(Open(fs_, false), false);
  EXPECT_EQ(Open(fs_, true), false);
  for (int start = 0; start < 3; ++start) EXPECT_EQ(Open(fs_, false), true);
}

TEST_F(DataDirTest, TheFirstStartCountsToo) {
  ASSERT_TRUE(Create(fs_, /*lease_reads=*/true).ok());
  EXPECT_EQ(Open(fs_, false), true);
}

// Nothing is promised before it is.
TEST_F(DataDirTest, ItIsRememberedBeforeTheStart) {
  ASSERT_TRUE(Create(fs_, /*lease_reads=*/false).ok());
  for (const Fault fault : {Fault::kCrash, Fault::kIoError, Fault::kNoSpace}) {
    bool failed = true;
    for (uint64_t n = 1; failed; ++n) {
      ASSERT_LT(n, 100u);
      for (uint64_t seed = 0; seed < 10; ++seed) {
        const auto copy = fs_.Clone();
        copy->FailAt(copy->operations() + n, fault);
        failed = !Open(*copy, true).has_value();
        Prng prng(seed);
        copy->Crash(prng);
        if (!failed) {
          EXPECT_EQ(Open(*copy, false), true) << n;
        }
      }
    }
  }
}

}  // namespace
}  // namespace jaco::server
