// What one replica makes of what it is told.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/server/forward_codec.h"
#include "jaco/sim/server/testing/test_replica.h"

namespace jaco::server {
namespace {

using raft::EntryId;
using raft::LogIndex;
using raft::Term;
using ::testing::ElementsAre;

using ReplicaTest = ReplicaFixture;

// Else it refuses, as a member that it is not, the answer to its next join.
TEST_F(ReplicaTest, AServerThatLeftStaysOutsideWhileOthersComeAndGo) {
  Start(/*trailing=*/100);
  Follow({Change(1, Members({2, 3}))}, /*commit=*/0);
  EXPECT_TRUE(replica_->CheckMembership().ok());
  Follow({Change(2, Members({2, 3, 4}))}, /*commit=*/1);
  EXPECT_FALSE(replica_->CheckMembership().ok());
  // Not yet for good, but it is to be one again.
  Follow({Change(3, Members({1, 2, 3}))}, /*commit=*/2);
  EXPECT_TRUE(replica_->CheckMembership().ok());
}

// Whoever forwarded it: it would stop every server that applies it.
TEST_F(ReplicaTest, WhatIsUnknownDoesNotGetIntoTheLog) {
  Start(/*trailing=*/100);
  Lead();
  const LogIndex last = raft().last().index;
  absl::Status status;
  replica_->Propose("unknown",
                    [&status](const auto& done) { status = done.status(); });
  Run(Milliseconds(10));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(raft().last().index, last);
}

// Such an entry would end every server, and nobody could get past it.
TEST_F(ReplicaTest, WhatNobodyKnowsIsNotProposedForOthers) {
  Start(/*trailing=*/100);
  Lead();
  const LogIndex before = raft().last().index;
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    replica_->OnFrame(2, EncodeForward(ForwardRequest{
                             .term = raft().term(),
                             .incarnation = 1,
                             .sequence = sequence,
                             .command = sequence == 2 ? "known" : "unknown"}));
    Settle();
  }
  EXPECT_EQ(raft().last().index, before + 1);
}

TEST_F(ReplicaTest, BadFramesFillNoLog) {
  Start(/*trailing=*/100);
  const int before = logger_.lines;
  for (int i = 0; i < 100; ++i) {
    for (const char* frame : {"", "F", "Fx", "R", "Rx", "S", "Sx", "\1", "x"}) {
      replica_->OnFrame(2, frame);
    }
  }
  EXPECT_EQ(logger_.lines, before + 1);
}

TEST_F(ReplicaTest, ANoticeOfRemovalOfAnotherVersionIsRefusedByName) {
  Start(/*trailing=*/100);
  replica_->OnFrame(2, "R\2");
  EXPECT_EQ(logger_.last,
            "a bad frame from server 2: removal notice: unknown version 2; "
            "this build knows 1");
  EXPECT_TRUE(replica_->CheckMembership().ok());
}

// What was queued while the disk was slow is not one write that takes for ever.
TEST_F(ReplicaTest, OneJobWritesSoMuch) {
  Start(/*trailing=*/100);
  Follow({}, 0);
  disk_.Hold(env::Lane::kLog);
  EntryId previous;
  for (uint64_t index = 1; index <= 10; ++index) {
    const auto entry = std::make_shared<const raft::Entry>(
        raft::Entry{.id = {Term(1), LogIndex(index)},
                    .kind = raft::EntryKind::kCommand,
                    .data = std::string(size_t{1} << 20, 'x')});
    Hear(2, raft::AppendEntriesRequest{
                .term = Term(1), .previous = previous, .entries = {entry}});
    previous = entry->id;
  }
  disk_.Release();
  std::vector<uint64_t> steps;
  LogIndex before;
  while (disk_.RunOne()) {
    if (raft().durable() == before) continue;
    steps.push_back(raft().durable() - before);
    before = raft().durable();
  }
  // The first was under way alone.
  EXPECT_THAT(steps, ElementsAre(1, 4, 4, 1));
}

}  // namespace
}  // namespace jaco::server
