#include "jaco/server/snapshot_sender.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using State = SnapshotSender::State;
using Status = raft::SnapshotStatus;

class SnapshotSenderTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kSize = 95;

  std::vector<uint64_t> Sent() {
    std::vector<uint64_t> offsets;
    for (const raft::SnapshotChunk& chunk : sender_.TakeChunks()) {
      EXPECT_EQ(chunk.data, file_->substr(chunk.offset, 10));
      offsets.push_back(chunk.offset);
    }
    return offsets;
  }
  void Ack(uint64_t offset, Status status = Status::kMore) {
    sender_.OnAck(now_,
                  {raft::Term(3), raft::LogIndex(4), id_, offset, status});
  }
  void Pass(Duration time) {
    now_ = now_ + time;
    sender_.OnTime(now_);
  }

  Instant now_ = Instant() + Seconds(1);
  const raft::SnapshotId id_{{raft::Term(2), raft::LogIndex(9)}, kSize, 7};
  std::shared_ptr<const std::string> file_ =
      std::make_shared<const std::string>(kSize, 'x');
  SnapshotSender sender_{{.chunk_bytes = 10,
                          .window_chunks = 3,
                          .resend_after = Milliseconds(100),
                          .give_up_after = Seconds(1)},
                         raft::Term(3),
                         raft::LogIndex(4),
                         id_,
                         file_,
                         now_};
};

TEST_F(SnapshotSenderTest, AsksFirstThenFillsTheWindow) {
  EXPECT_THAT(Sent(), ElementsAre(0));
  Ack(0);
  EXPECT_THAT(Sent(), ElementsAre(0, 10, 20));
  Ack(10);
  EXPECT_THAT(Sent(), ElementsAre(30));
  Ack(40);
  EXPECT_THAT(Sent(), ElementsAre(40, 50, 60));
  Ack(40);
  EXPECT_THAT(Sent(), IsEmpty());
  Ack(kSize);
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_EQ(sender_.state(), State::kSending);
  Ack(kSize, Status::kInstalled);
  EXPECT_EQ(sender_.state(), State::kInstalled);
}

TEST_F(SnapshotSenderTest, GoesOnWhereTheFollowerStands) {
  Sent();
  Ack(80);
  EXPECT_THAT(Sent(), ElementsAre(80, 90));
  // It restarts, and has lost some.
  Pass(Milliseconds(100));
  EXPECT_THAT(Sent(), ElementsAre(80));
  Ack(60);
  EXPECT_THAT(Sent(), ElementsAre(60, 70, 80));
}

TEST_F(SnapshotSenderTest, AsksAgainWhenNothingIsHeard) {
  Sent();
  Ack(0);
  Sent();
  Pass(Milliseconds(99));
  EXPECT_THAT(Sent(), IsEmpty());
  Pass(Milliseconds(1));
  EXPECT_THAT(Sent(), ElementsAre(0));
  Ack(30);
  EXPECT_THAT(Sent(), ElementsAre(30, 40, 50));
  // All has arrived, and what became of it was not heard.
  Ack(kSize);
  Pass(Milliseconds(100));
  EXPECT_THAT(Sent(), ElementsAre(kSize));
}

TEST_F(SnapshotSenderTest, GivesUpInTheEnd) {
  for (int i = 0; i < 9; ++i) Pass(Milliseconds(100));
  EXPECT_EQ(sender_.state(), State::kSending);
  Pass(Milliseconds(100));
  EXPECT_EQ(sender_.state(), State::kFailed);
}

TEST_F(SnapshotSenderTest, RefusalEndsIt) {
  Ack(0, Status::kRefused);
  EXPECT_EQ(sender_.state(), State::kRefused);
}

TEST_F(SnapshotSenderTest, AnswersToOthersAreIgnored) {
  Sent();
  raft::SnapshotId other = id_;
  other.checksum = 8;
  sender_.OnAck(
      now_, {raft::Term(3), raft::LogIndex(4), other, 50, Status::kInstalled});
  sender_.OnAck(
      now_, {raft::Term(2), raft::LogIndex(4), id_, 50, Status::kInstalled});
  sender_.OnAck(
      now_, {raft::Term(3), raft::LogIndex(5), id_, 50, Status::kInstalled});
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_EQ(sender_.state(), State::kSending);
}

}  // namespace
}  // namespace jaco::server
