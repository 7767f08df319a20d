#include "jaco/server/data_dir.h"

#include <cstdint>
#include <optional>

#include "gtest/gtest.h"
#include "jaco/base/prng.h"
#include "jaco/raft/types.h"
#include "jaco/sim/sim_file_system.h"
#include "jaco/storage/identity.h"

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
  void Create(bool lease_reads) {
    storage::Identity identity{raft::NodeId(7), "alpha"};
    identity.leases_promised = lease_reads;
    FoundingWrite founding;
    founding.log.id = raft::PersistId(1);
    founding.log.hard_state = raft::HardState{raft::Term(1), raft::kNoNode};
    const auto dir = CreateDataDir(fs_, "/data", /*use_rocksdb=*/false,
                                   identity, founding, kSegmentBytes);
    ASSERT_TRUE(dir.ok()) << dir.status();
    EXPECT_FALSE(dir->leases_promised);
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

TEST_F(DataDirTest, WhetherLeasesWerePromisedIsRemembered) {
  Create(/*lease_reads=*/false);
  EXPECT_EQ(Open(fs_, false), false);
  EXPECT_EQ(Open(fs_, true), false);
  for (int start = 0; start < 3; ++start) EXPECT_EQ(Open(fs_, false), true);
}

TEST_F(DataDirTest, TheFirstStartCountsToo) {
  Create(/*lease_reads=*/true);
  EXPECT_EQ(Open(fs_, false), true);
}

// Nothing is promised before it is.
TEST_F(DataDirTest, ItIsRememberedBeforeTheStart) {
  Create(/*lease_reads=*/false);
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
