// The state store in RocksDB lags behind log and snapshots, which make up for
// that at a start.

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/sim/server/testing/test_cluster.h"
#include "jaco/storage/state_store.h"

namespace jaco::server {
namespace {

using ::testing::SizeIs;

// The store is made durable after so many entries (replica_store.cc).
constexpr uint64_t kFlushEntries = 8192;

class StoreTest : public ClusterTest {
 protected:
  // All in one go, and then nothing is under way.
  void IssueMany(int count) {
    for (int i = 0; i < count; ++i) {
      At(1).IssueToken({}, {.identity = absl::StrCat("many-", ++issued_)},
                       [](const auto& response) {
                         EXPECT_TRUE(response.ok()) << response.status();
                       });
    }
    Run(Seconds(5));
  }
};

// What lies between the store and the beginning of the log is in the snapshot
// alone.
TEST_F(StoreTest, AnOldOneIsOvertakenByTheSnapshot) {
  tune_ = [](ServerOptions& options) {
    options.use_rocksdb = true;
    options.log_segment_bytes = uint64_t{64} << 10;
    options.snapshots.entries = kFlushEntries + 100;
    options.snapshots.trailing_entries = 0;
  };
  Found(1);
  IssueMany(kFlushEntries);
  IssueMany(200);
  const raft::LogIndex start = At(1).raft()->log().start().index;
  const size_t tokens = TokensAt(1).size();
  const fsm::Digest digest = At(1).state().digest();
  PowerLoss(1);
  const auto stored = storage::ReadRocksDbState(*files_[1], "/data/state");
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_GE(stored->applied, raft::LogIndex(kFlushEntries));
  ASSERT_LT(stored->applied, start);

  Start(1);
  ASSERT_TRUE(processes_[1]->started->ok()) << *processes_[1]->started;
  Run(Seconds(1));
  EXPECT_THAT(TokensAt(1), SizeIs(tokens));
  EXPECT_EQ(At(1).state().digest(), digest);
}

}  // namespace
}  // namespace jaco::server
