// What snapshots, the log and the store owe each other.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/raft/codec.h"
#include "jaco/sim/server/testing/test_replica.h"

namespace jaco::server {
namespace {

using raft::EntryId;
using raft::LogIndex;
using raft::Term;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

using ReplicaSnapshotTest = ReplicaFixture;

// A change of members that is in force is not yet part of what a snapshot
// stands for.
TEST_F(ReplicaSnapshotTest, ASnapshotNamesTheMembersOfItsIndex) {
  Start(/*trailing=*/100);
  Follow({Command(1), Command(2), Command(3), Command(4), Command(5),
          Change(6, Members({1, 2, 3, 4}))},
         /*commit=*/5);
  ASSERT_EQ(raft().configuration().voters, Nodes({1, 2, 3, 4}));
  const EntryId last{Term(1), LogIndex(4)};
  ASSERT_THAT(*snapshots_.List(files_), ElementsAre(last));
  const auto snapshot = snapshots_.Read(files_, last);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->configuration, Members({1, 2, 3}));
}

TEST_F(ReplicaSnapshotTest, ASnapshotOfAJointConfigurationIsJoint) {
  Start(/*trailing=*/100);
  raft::Configuration joint = Members({1, 2, 4});
  joint.outgoing = Nodes({1, 2, 3});
  joint.addresses = Members({1, 2, 3, 4}).addresses;
  Follow({Command(1), Command(2), Command(3), Change(4, joint),
          Change(5, Members({1, 2, 4}))},
         /*commit=*/5);
  ASSERT_EQ(raft().configuration(), Members({1, 2, 4}));
  const auto snapshot = snapshots_.Read(files_, EntryId{Term(1), LogIndex(4)});
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->configuration, joint);
}

// Any two servers have the same files, so that one can go on with what another
// began to send.
TEST_F(ReplicaSnapshotTest, SnapshotsAreOfTheSameEntriesHoweverTheseArrive) {
  Start(/*trailing=*/100);
  std::vector<raft::EntryPtr> entries;
  for (uint64_t index = 1; index <= 10; ++index) {
    entries.push_back(Command(index));
  }
  Follow(entries, /*commit=*/3);
  Follow({Command(11)}, /*commit=*/11);
  EXPECT_THAT(*snapshots_.List(files_),
              ElementsAre(EntryId{Term(1), LogIndex(8)},
                          EntryId{Term(1), LogIndex(4)}));
  for (const uint64_t index : {4, 8}) {
    const auto snapshot =
        snapshots_.Read(files_, EntryId{Term(1), LogIndex(index)});
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(snapshot->state, absl::StrCat(index));
  }
}

// What a slow disk has not got to is not queued up: the newest counts.
TEST_F(ReplicaSnapshotTest, OneSnapshotWaitsWhileOneIsWritten) {
  Start(/*trailing=*/100);
  disk_.Hold(env::Lane::kSnapshot);
  for (uint64_t index = 1; index <= 13; ++index) {
    Follow({Command(index)}, /*commit=*/index);
  }
  EXPECT_EQ(disk_.submitted(env::Lane::kSnapshot), 1);
  disk_.Release();
  Settle();
  EXPECT_THAT(*snapshots_.List(files_),
              ElementsAre(EntryId{Term(1), LogIndex(12)},
                          EntryId{Term(1), LogIndex(4)}));
}

TEST_F(ReplicaSnapshotTest, ACompactedLogBeginsWithTheMembersOfItsStart) {
  Start(/*trailing=*/4);
  Follow({Command(1), Command(2), Command(3), Command(4), Command(5),
          Change(6, Members({1, 2, 3, 4})), Command(7), Command(8)},
         /*commit=*/8);
  ASSERT_EQ(raft().log().start().index, LogIndex(4));
  replica_.reset();
  storage::RecoveredLog recovered;
  const auto log = storage::RaftLog::Open(files_, log_options_, &recovered);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(recovered.log_start, (EntryId{Term(1), LogIndex(4)}));
  EXPECT_EQ(recovered.configuration, Members({1, 2, 3}));
}

TEST_F(ReplicaSnapshotTest, FewLargeEntriesAreASnapshotAndFewAreKept) {
  constexpr uint64_t kLogBytes = 100'000;
  Start(/*trailing=*/100, kLogBytes);
  for (uint64_t index = 1; index <= 7; ++index) {
    auto large = std::make_shared<raft::Entry>(*Command(index));
    large->data = std::string(kLogBytes / 2 - 1, 'x');
    Follow({std::move(large)}, /*commit=*/index);
  }
  // One is taken with every third of them, counted from the fourth on, and two
  // are kept.
  EXPECT_EQ((*snapshots_.List(files_))[0].index, LogIndex(7));
  EXPECT_EQ(raft().log().start().index, LogIndex(5));
}

// Else a follower that takes longer for a snapshot than the leader for the next
// never gets anywhere.
TEST_F(ReplicaSnapshotTest, TheLogIsKeptBehindASnapshotOnItsWay) {
  Start(/*trailing=*/2);
  const raft::SnapshotChunk chunk = BeginTransfer();
  Propose(20);
  ASSERT_GT((*snapshots_.List(files_))[0].index, chunk.id.last.index + 10);
  HearInstalled(chunk);
  const auto appends = TakeSentTo<raft::AppendEntriesRequest>(3);
  ASSERT_THAT(appends, Not(IsEmpty()));
  EXPECT_EQ(appends[0].previous, chunk.id.last);
  EXPECT_THAT(appends[0].entries, Not(IsEmpty()));
}

// The file would be read over and over, for nobody.
TEST_F(ReplicaSnapshotTest, NothingIsReadForAFollowerThatIsSilent) {
  Start(/*trailing=*/2);
  Lead();
  Propose(30);
  Idle(Seconds(15));  // what was under way is given up
  network_.sent.clear();
  const int before = disk_.submitted(env::Lane::kSnapshot);
  Idle(Seconds(30));
  EXPECT_EQ(disk_.submitted(env::Lane::kSnapshot), before);
  // It is back.
  bool offered = false;
  for (int i = 0; i < 5; ++i) {
    if (!Refuse().empty()) offered = true;
    Idle(Milliseconds(100));
  }
  EXPECT_EQ(disk_.submitted(env::Lane::kSnapshot), before + 1);
  EXPECT_TRUE(offered);
}

TEST_F(ReplicaSnapshotTest, AFollowerWithoutRoomIsAskedLessAndLessOften) {
  Start(/*trailing=*/2);
  Lead();
  Propose(30);
  const auto offers_in = [&](Duration time) {
    const int before = disk_.submitted(env::Lane::kSnapshot);
    for (Duration passed; passed < time; passed = passed + Milliseconds(100)) {
      for (raft::SnapshotChunk& chunk : Refuse()) {
        replica_->OnFrame(3, raft::EncodeSnapshotMessage(raft::SnapshotChunkAck{
                                 .term = chunk.term,
                                 .session = chunk.session,
                                 .id = chunk.id,
                                 .status = raft::SnapshotStatus::kRefused}));
      }
      Idle(Milliseconds(100));
    }
    return disk_.submitted(env::Lane::kSnapshot) - before;
  };
  EXPECT_GE(offers_in(Seconds(20)), 4);
  const int later = offers_in(Seconds(60));
  EXPECT_GE(later, 5);
  EXPECT_LE(later, 7);
}

// If it could be ahead of the log, a crash would look like a log that lost
// something, and the server would not vote until it is repaired.
TEST_F(ReplicaSnapshotTest, TheStoreIsNeverAheadOfTheLog) {
  Start(/*trailing=*/2);
  Follow({Command(1)}, /*commit=*/1);
  ASSERT_THAT(store_->written, ElementsAre(LogIndex(1)));
  const EntryId last{Term(1), LogIndex(100)};
  disk_.Hold(env::Lane::kLog);
  Offer(last);
  ASSERT_EQ(machine_.applied(), last.index);
  ASSERT_LT(raft().durable(), last.index);
  EXPECT_THAT(store_->written, Each(Le(raft().durable())));
  disk_.Release();
  Settle();
  ASSERT_EQ(raft().durable(), last.index);
  EXPECT_EQ(store_->written.back(), last.index);
}

// It takes more than is written meanwhile, and needs no second snapshot.
TEST_F(ReplicaSnapshotTest, TheLogIsKeptUntilAFollowerHasCaughtUp) {
  raft_options_.append_entries_max = 3;
  raft_options_.inflight_messages_max = 1;
  Start(/*trailing=*/2);
  const raft::SnapshotChunk chunk = BeginTransfer();
  Propose(20);
  HearInstalled(chunk);
  for (int i = 0; i < 15; ++i) {
    Propose(1);
    Acknowledge(3);
    ASSERT_NE(StateOf(3), raft::Progress::State::kSnapshot) << i;
  }
  // Then it is one like any other.
  EXPECT_GT(raft().log().start().index, raft().last().index - 16);
}

TEST_F(ReplicaSnapshotTest, NotForAFollowerThatFallsFurtherBehind) {
  raft_options_.append_entries_max = 1;
  raft_options_.inflight_messages_max = 1;
  Start(/*trailing=*/2);
  const raft::SnapshotChunk chunk = BeginTransfer();
  Propose(20);
  HearInstalled(chunk);
  for (int i = 0; i < 10; ++i) {
    Propose(3);
    if (StateOf(3) != raft::Progress::State::kSnapshot) Acknowledge(3);
  }
  EXPECT_EQ(StateOf(3), raft::Progress::State::kSnapshot);
  EXPECT_GT(raft().log().start().index, chunk.id.last.index);
}

// A follower that never gets to one of its own would fill its disk.
TEST_F(ReplicaSnapshotTest, ReceivedOnesAreRemoved) {
  Start(/*trailing=*/2);
  Follow({Command(1)}, /*commit=*/1);
  for (uint64_t index = 101; index < 1000; index += 100) {
    Offer({Term(1), LogIndex(index)});
    ASSERT_EQ(machine_.applied(), LogIndex(index));
  }
  EXPECT_THAT(*snapshots_.List(files_),
              ElementsAre(EntryId{Term(1), LogIndex(901)},
                          EntryId{Term(1), LogIndex(801)}));
}

TEST_F(ReplicaSnapshotTest, OnesThatCannotBeInstalledAreRemoved) {
  Start(/*trailing=*/2);
  Follow({Command(1)}, /*commit=*/1);
  machine_.knows_nothing = true;
  for (uint64_t index = 101; index < 1000; index += 100) {
    Offer({Term(1), LogIndex(index)});
  }
  EXPECT_EQ(machine_.applied(), LogIndex(1));
  EXPECT_THAT(*snapshots_.List(files_), IsEmpty());
}

// While the log has no room its snapshots would take what there is.
TEST_F(ReplicaSnapshotTest, OneAfterTheOtherIsReceived) {
  Start(/*trailing=*/2);
  for (uint64_t index = 1; index <= 9; ++index) {
    Follow({Command(index)}, /*commit=*/index);
  }
  disk_.Hold(env::Lane::kLog);
  Offer({Term(1), LogIndex(101)});
  EXPECT_EQ(machine_.applied(), LogIndex(101));
  Offer({Term(1), LogIndex(201)});
  EXPECT_EQ(machine_.applied(), LogIndex(101));
  // Were this the end, the log on disk would lead to the one before.
  EXPECT_THAT(*snapshots_.List(files_),
              ElementsAre(EntryId{Term(1), LogIndex(101)},
                          EntryId{Term(1), LogIndex(8)},
                          EntryId{Term(1), LogIndex(4)}));
  disk_.Release();
  Settle();
  Offer({Term(1), LogIndex(201)});
  EXPECT_EQ(machine_.applied(), LogIndex(201));
  EXPECT_THAT(*snapshots_.List(files_),
              ElementsAre(EntryId{Term(1), LogIndex(201)},
                          EntryId{Term(1), LogIndex(101)}));
}

// It was received by somebody who never got to install it, and leads nowhere.
TEST_F(ReplicaSnapshotTest, NoneIsSentThatTheLogDoesNotLeadTo) {
  ASSERT_TRUE(snapshots_
                  .Write(files_, {EntryId{Term(1), LogIndex(1000)},
                                  Members({1, 2, 3}), "1000"})
                  .ok());
  Start(/*trailing=*/2);
  Lead();
  Propose(10);
  const auto chunks = TakeSentTo<raft::SnapshotChunk>(3);
  ASSERT_THAT(chunks, Not(IsEmpty()));
  for (const raft::SnapshotChunk& chunk : chunks) {
    EXPECT_TRUE(raft().log().Contains(chunk.id.last));
  }
}

}  // namespace
}  // namespace jaco::server
