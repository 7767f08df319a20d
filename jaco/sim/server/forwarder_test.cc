// A follower's and a leader's forwarder, and a link that does what it likes.

#include "jaco/server/forwarder.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/base/logger.h"
#include "jaco/base/prng.h"
#include "jaco/sim/event_queue.h"
#include "jaco/sim/sim_clock.h"
#include "jaco/sim/sim_event_loop.h"

namespace jaco::server {
namespace {

const raft::NodeId kFollower(1);
const raft::NodeId kLeader(2);
const raft::Term kTerm(5);

class ForwarderTest : public ::testing::Test {
 protected:
  void Forward(const std::string& command) {
    follower_.Forward(kLeader, kTerm, command,
                      [this](absl::StatusOr<Applied> applied) {
                        answers_.push_back(std::move(applied));
                      });
  }
  // Hands the oldest frame over, and keeps it for another time.
  std::string Deliver(std::vector<env::FramePtr>& frames, Forwarder& to,
                      raft::NodeId from) {
    const std::string frame = *frames.front();
    frames.erase(frames.begin());
    EXPECT_TRUE(to.OnFrame(from, frame).ok());
    return frame;
  }
  std::string DeliverRequest() {
    return Deliver(requests_, leader_, kFollower);
  }
  std::string DeliverResponse() {
    return Deliver(responses_, follower_, kLeader);
  }
  void Run() {
    sim::Event event;
    while (queue_.Pop(&event)) event.task();
  }
  std::string CodeOfAnswer(size_t n) {
    if (n >= answers_.size()) return "none";
    const absl::Status& status =
        answers_[n].ok() ? answers_[n]->result.status : answers_[n].status();
    return status.ok() ? "ok" : std::string(ErrorCodeName(CodeOf(status)));
  }

  sim::EventQueue queue_;
  sim::SimClock clock_{queue_, {}};
  sim::SimEventLoop loop_{queue_, clock_, 1, Duration(), Prng(1)};
  NullLogger logger_;
  env::Environment env_{.clock = &clock_, .loop = &loop_, .logger = &logger_};
  std::vector<env::FramePtr> requests_;
  std::vector<env::FramePtr> responses_;
  std::vector<std::pair<std::string, ProposeDone>> proposed_;
  raft::Term leadership_ = kTerm;
  std::vector<absl::StatusOr<Applied>> answers_;
  Forwarder follower_{env_,
                      77,
                      Seconds(10),
                      {.send =
                           [this](raft::NodeId to, env::FramePtr frame) {
                             EXPECT_EQ(to, kLeader);
                             requests_.push_back(std::move(frame));
                           },
                       .leadership = [] { return raft::Term(); },
                       .propose = nullptr}};
  Forwarder leader_{env_,
                    88,
                    Seconds(10),
                    {.send =
                         [this](raft::NodeId to, env::FramePtr frame) {
                           EXPECT_EQ(to, kFollower);
                           responses_.push_back(std::move(frame));
                         },
                     .leadership = [this] { return leadership_; },
                     .propose =
                         [this](std::string command, ProposeDone done) {
                           proposed_.emplace_back(std::move(command),
                                                  std::move(done));
                         }}};
};

TEST_F(ForwarderTest, ACommandGoesThereAndItsVerdictBack) {
  Forward("a");
  Forward("b");
  DeliverRequest();
  DeliverRequest();
  ASSERT_EQ(proposed_.size(), 2);
  EXPECT_EQ(proposed_[1].first, "b");
  proposed_[1].second(Applied{raft::LogIndex(8), {absl::OkStatus(), "B"}});
  proposed_[0].second(Applied{
      raft::LogIndex(9), {MakeError(ErrorCode::kTokenExists, "there"), ""}});
  DeliverResponse();
  DeliverResponse();
  ASSERT_EQ(answers_.size(), 2);
  EXPECT_EQ(answers_[0]->index, raft::LogIndex(8));
  EXPECT_EQ(answers_[0]->result.reply, "B");
  EXPECT_EQ(answers_[1]->index, raft::LogIndex(9));
  EXPECT_EQ(CodeOfAnswer(1), "token_exists");
}

TEST_F(ForwarderTest, NothingIsProposedOrAnsweredTwice) {
  Forward("a");
  const std::string request = DeliverRequest();
  EXPECT_TRUE(leader_.OnFrame(kFollower, request).ok());
  EXPECT_EQ(proposed_.size(), 1);
  proposed_[0].second(Applied{raft::LogIndex(8), {}});
  EXPECT_TRUE(leader_.OnFrame(kFollower, request).ok());
  EXPECT_EQ(proposed_.size(), 1);
  const std::string response = DeliverResponse();
  EXPECT_TRUE(follower_.OnFrame(kLeader, response).ok());
  EXPECT_EQ(answers_.size(), 1);
}

// The first may yet be committed by another leader.
TEST_F(ForwarderTest, ACopyOfOneThatIsUndecidedIsNotRefused) {
  Forward("a");
  const std::string request = DeliverRequest();
  leadership_ = raft::Term();
  EXPECT_TRUE(leader_.OnFrame(kFollower, request).ok());
  EXPECT_TRUE(responses_.empty());
  EXPECT_EQ(CodeOfAnswer(0), "none");
}

TEST_F(ForwarderTest, ANodeThatStartsAgainAndAgainIsHeard) {
  std::string frame;
  for (uint64_t start = 1; start <= 2000; ++start) {
    frame = EncodeForward(ForwardRequest{
        .term = kTerm, .incarnation = start, .sequence = 1, .command = "a"});
    EXPECT_TRUE(leader_.OnFrame(kFollower, frame).ok());
    EXPECT_EQ(proposed_.size(), start);
  }
  EXPECT_TRUE(leader_.OnFrame(kFollower, frame).ok());
  EXPECT_EQ(proposed_.size(), 2000);
}

TEST_F(ForwarderTest, AnotherLeadershipRefuses) {
  Forward("a");
  leadership_ = raft::Term(7);
  const std::string request = DeliverRequest();
  EXPECT_TRUE(proposed_.empty());
  DeliverResponse();
  EXPECT_EQ(CodeOfAnswer(0), "no_leader");
  leadership_ = raft::Term();
  EXPECT_TRUE(leader_.OnFrame(kFollower, request).ok());
  EXPECT_TRUE(proposed_.empty());
}

TEST_F(ForwarderTest, ErrorsThatKeepItOutOfTheLogComeBack) {
  Forward("a");
  DeliverRequest();
  proposed_[0].second(MakeError(ErrorCode::kRateLimited, "later"));
  DeliverResponse();
  EXPECT_EQ(CodeOfAnswer(0), "rate_limited");
}

TEST_F(ForwarderTest, WhatIsLostEndsInTime) {
  Forward("a");
  Run();
  EXPECT_EQ(CodeOfAnswer(0), "timeout");
  EXPECT_GE(clock_.Now(), Instant() + Seconds(10));
  EXPECT_LT(clock_.Now(), Instant() + Seconds(11));
  Forward("b");
  follower_.OnPeerDown(raft::NodeId(3));
  EXPECT_EQ(answers_.size(), 1);
  follower_.OnPeerDown(kLeader);
  EXPECT_EQ(CodeOfAnswer(1), "timeout");
  Forward("c");
  follower_.OnLeader(kTerm);
  EXPECT_EQ(answers_.size(), 2);
  follower_.OnLeader(kTerm.Next());
  EXPECT_EQ(CodeOfAnswer(2), "timeout");
}

TEST_F(ForwarderTest, WhatIsUnderWayIsBounded) {
  for (size_t i = 0; i < Forwarder::kPendingMax; ++i) Forward("a");
  Forward("b");
  EXPECT_TRUE(answers_.empty()) << "answered before the call returned";
  sim::Event event;
  ASSERT_TRUE(queue_.Pop(&event));
  event.task();
  EXPECT_EQ(CodeOfAnswer(0), "rate_limited");
  follower_.OnPeerDown(kLeader);
  Forward(std::string(Forwarder::kPendingBytesMax, 'x'));
  Forward("b");
  while (answers_.size() < Forwarder::kPendingMax + 2 && queue_.Pop(&event)) {
    event.task();
  }
  EXPECT_EQ(CodeOfAnswer(Forwarder::kPendingMax + 1), "rate_limited");
}

TEST_F(ForwarderTest, BadFramesDoNoHarm) {
  EXPECT_FALSE(leader_.OnFrame(kFollower, "Fx").ok());
  EXPECT_FALSE(follower_.OnFrame(kLeader, "").ok());
  EXPECT_TRUE(proposed_.empty());
}

TEST(SeenRequestsTest, EachIsNewOnce) {
  SeenRequests seen;
  for (const uint64_t sequence : {1, 3, 2, 5}) {
    EXPECT_TRUE(seen.Insert(sequence));
  }
  for (const uint64_t sequence : {1, 2, 3, 5}) {
    EXPECT_FALSE(seen.Insert(sequence));
  }
  EXPECT_TRUE(seen.Insert(4));
}

TEST(SeenRequestsTest, WhatIsTooFarBehindIsOld) {
  SeenRequests seen;
  for (uint64_t n = 0; n <= SeenRequests::kWindow; ++n) {
    EXPECT_TRUE(seen.Insert(10 + 2 * n));
  }
  EXPECT_FALSE(seen.Insert(1));
  EXPECT_FALSE(seen.Insert(9));
  EXPECT_TRUE(seen.Insert(11));
}

}  // namespace
}  // namespace jaco::server
