// ClusterState as rows and as snapshots: what comes back is what went in, and
// nothing else comes in.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/prng.h"
#include "jaco/fsm/cluster_state.h"
#include "jaco/fsm/command.pb.h"
#include "jaco/fsm/restore_fuzz.h"
#include "jaco/fsm/snapshot.h"
#include "jaco/fsm/testing.h"

namespace jaco::fsm {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;

void ApplyAll(ClusterState& state) {
  for (const Command& command :
       {testing::Init(), testing::Issue("alice", 1), testing::Issue("bob", 2),
        testing::Upsert(2, "node-2"), testing::Revoke("alice"),
        testing::Remove(1)}) {
    testing::ApplyNext(state, command);
  }
}

absl::StatusCode RestoreError(ClusterState& state, absl::string_view bytes) {
  const Digest digest = state.digest();
  const raft::LogIndex applied = state.applied();
  const absl::StatusCode code = state.RestoreSnapshot(bytes).code();
  EXPECT_NE(code, absl::StatusCode::kOk);
  EXPECT_EQ(state.digest(), digest);
  EXPECT_EQ(state.applied(), applied);
  EXPECT_THAT(state.TakeRowEdits(), IsEmpty());
  return code;
}

TEST(ClusterStateDigestTest, RepeatsAndTellsStatesApart) {
  ClusterState a, b, empty;
  ApplyAll(a);
  ApplyAll(b);
  EXPECT_EQ(a.digest(), b.digest());
  EXPECT_NE(a.digest(), empty.digest());
  testing::ApplyNext(a, testing::Issue("carol", 3));
  testing::ApplyNext(b, testing::Issue("carol", 4));
  EXPECT_NE(a.digest(), b.digest());
}

TEST(ClusterStateDigestTest, DoesNotCoverApplied) {
  ClusterState a, b;
  ApplyAll(a);
  ApplyAll(b);
  b.AdvanceTo(raft::LogIndex(99));
  EXPECT_EQ(a.digest(), b.digest());
}

TEST(ClusterStateLoadTest, RowsAloneBringTheStateBack) {
  ClusterState state;
  testing::RowStore store;
  ApplyAll(state);
  store.Take(state);
  ClusterState loaded;
  ASSERT_TRUE(loaded.Load(store.Rows(), state.applied()).ok());
  EXPECT_EQ(loaded.digest(), state.digest());
  EXPECT_EQ(loaded.applied(), state.applied());
  EXPECT_EQ(loaded.TakeSnapshot()(), state.TakeSnapshot()());
  EXPECT_NE(loaded.FindTokenByHash(testing::Hash(2)), nullptr);
  EXPECT_THAT(loaded.TakeRowEdits(), IsEmpty());
  // It goes on from there as the other does.
  testing::ApplyNext(state, testing::Revoke("bob"));
  testing::ApplyNext(loaded, testing::Revoke("bob"));
  EXPECT_EQ(loaded.digest(), state.digest());
}

TEST(ClusterStateLoadTest, GarbageIsDataLoss) {
  ClusterState state;
  testing::RowStore store;
  ApplyAll(state);
  store.Take(state);
  const std::vector<KeyValue> good = store.Rows();
  const auto load = [&](std::vector<KeyValue> rows) {
    return ClusterState().Load(rows, raft::LogIndex(9)).code();
  };
  ASSERT_EQ(load(good), absl::StatusCode::kOk);
  for (size_t i = 0; i < good.size(); ++i) {
    SCOPED_TRACE(good[i].first);
    std::vector<KeyValue> rows = good;
    rows[i].second = "\xff";
    EXPECT_EQ(load(rows), absl::StatusCode::kDataLoss);
    rows[i].second = good[i].second + "\x98\x06\x01";  // an unknown field
    EXPECT_EQ(load(rows), absl::StatusCode::kDataLoss);
    rows = good;
    rows[i].first += "x";
    EXPECT_EQ(load(rows), absl::StatusCode::kDataLoss);
    rows[i].first = "";
    EXPECT_EQ(load(rows), absl::StatusCode::kDataLoss);
    rows = good;
    rows.insert(rows.begin() + i, good[i]);
    EXPECT_EQ(load(rows), absl::StatusCode::kDataLoss);
  }
}

TEST(ClusterStateLoadTest, TwoOfAKindAreDataLoss) {
  Token token;
  token.set_hash(testing::Hash(1));
  token.set_identity("a");
  std::vector<KeyValue> rows = {{"t/a", token.SerializeAsString()}};
  token.set_identity("b");
  rows.emplace_back("t/b", token.SerializeAsString());
  EXPECT_EQ(ClusterState().Load(rows, raft::LogIndex(9)).code(),
            absl::StatusCode::kDataLoss);

  rows = {
      {"n/0000000000000001", testing::NodeNamed(1, "n").SerializeAsString()},
      {"n/0000000000000002", testing::NodeNamed(2, "n").SerializeAsString()}};
  EXPECT_EQ(ClusterState().Load(rows, raft::LogIndex(9)).code(),
            absl::StatusCode::kDataLoss);
}

TEST(ClusterStateSnapshotTest, RoundTrip) {
  ClusterState state, restored;
  ApplyAll(state);
  state.AdvanceTo(raft::LogIndex(99));
  ASSERT_TRUE(restored.RestoreSnapshot(state.TakeSnapshot()()).ok());
  EXPECT_EQ(restored.digest(), state.digest());
  EXPECT_EQ(restored.applied(), raft::LogIndex(99));
  EXPECT_EQ(restored.TakeSnapshot()(), state.TakeSnapshot()());
}

TEST(ClusterStateSnapshotTest, RestoreEditsTheStoreToo) {
  ClusterState from, to;
  ApplyAll(from);
  testing::RowStore store;
  testing::ApplyNext(to, testing::Issue("alice", 5));
  testing::ApplyNext(to, testing::Issue("dave", 6));
  store.Take(to);
  testing::ApplyNext(to, testing::Issue("erin", 7));  // not yet taken
  ASSERT_TRUE(to.RestoreSnapshot(from.TakeSnapshot()()).ok());
  store.Take(to);
  ClusterState loaded;
  ASSERT_TRUE(loaded.Load(store.Rows(), to.applied()).ok());
  EXPECT_EQ(loaded.digest(), from.digest());
}

TEST(ClusterStateSnapshotTest, EveryTruncationIsRefused) {
  ClusterState state;
  ApplyAll(state);
  const std::string snapshot = state.TakeSnapshot()();
  state.TakeRowEdits();
  for (size_t size = 0; size < snapshot.size(); ++size) {
    EXPECT_EQ(RestoreError(state, snapshot.substr(0, size)),
              absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_EQ(RestoreError(state, snapshot + "x"), absl::StatusCode::kDataLoss);
}

TEST(ClusterStateSnapshotTest, EveryFlippedByteIsRefused) {
  ClusterState state;
  ApplyAll(state);
  std::string snapshot = state.TakeSnapshot()();
  state.TakeRowEdits();
  for (char& byte : snapshot) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      const char good = std::exchange(byte, static_cast<char>(byte ^ mask));
      EXPECT_THAT(RestoreError(state, snapshot),
                  AnyOf(absl::StatusCode::kDataLoss,
                        absl::StatusCode::kFailedPrecondition));
      byte = good;
    }
  }
}

TEST(ClusterStateSnapshotTest, AnotherVersionIsNamed) {
  ClusterState state;
  std::string snapshot = state.TakeSnapshot()();
  snapshot[8] = 2;
  EXPECT_EQ(RestoreError(state, snapshot),
            absl::StatusCode::kFailedPrecondition);
}

std::vector<SharedRow> OneRow(absl::string_view key) {
  return {std::make_shared<const KeyValue>(key, "")};
}

// A checksum is no proof of sense.
TEST(ClusterStateSnapshotTest, BadContentsWithAGoodChecksumAreRefused) {
  ClusterState state;
  const raft::LogIndex applied(1);
  EXPECT_EQ(RestoreError(state, EncodeSnapshot(applied, OneRow("x"))),
            absl::StatusCode::kDataLoss);
  // A row count, then a key size, that claim more than there is.
  for (const size_t offset : {20, 28}) {
    std::string snapshot = EncodeSnapshot(applied, OneRow("c"));
    snapshot.resize(snapshot.size() - 4);
    snapshot[offset + 3] = '\x7f';
    AppendLittleEndian(Crc32c(snapshot), &snapshot);
    EXPECT_EQ(RestoreError(state, snapshot), absl::StatusCode::kDataLoss);
  }
}

TEST(ClusterStateSnapshotTest, RandomBytesDoNoHarm) {
  Prng prng(1);
  ClusterState state;
  ApplyAll(state);
  const std::string good = state.TakeSnapshot()();
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes = good.substr(0, prng.Below(good.size() + 1));
    for (uint64_t n = prng.Below(8); n > 0 && !bytes.empty(); --n) {
      bytes[prng.Below(bytes.size())] = static_cast<char>(prng.Next());
    }
    FuzzRestore(bytes);
  }
}

}  // namespace
}  // namespace jaco::fsm
