#include "jaco/sim/checkers/token_history.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jaco::sim {
namespace {

class TokenHistoryTest : public testing::Test {
 protected:
  std::string Found() const {
    return findings_.first().has_value() ? findings_.first()->invariant : "";
  }
  // Issued at `index`, between events 10 and 20.
  void Issue(TokenHistory::Identity identity, uint64_t index) {
    history_.OnIssueCall(identity);
    history_.OnIssued(identity, index, 10, 20, findings_);
  }
  static server::TokenInfo Active(const std::string& name, uint64_t index) {
    return {.identity = name, .create_index = index, .modify_index = index};
  }
  static server::TokenInfo Revoked(const std::string& name, uint64_t created,
                                   uint64_t revoked) {
    server::TokenInfo info = Active(name, created);
    info.revoked_at = absl::UnixEpoch();
    info.modify_index = revoked;
    return info;
  }
  void List(uint64_t index, Moment called, Moment now,
            const std::vector<server::TokenInfo>& tokens) {
    history_.OnListed({.tokens = tokens, .index = index}, called, now,
                      findings_);
  }

  TokenHistory history_;
  Findings findings_;
  const TokenHistory::Identity a_ = history_.NewIdentity("a");
  const TokenHistory::Identity b_ = history_.NewIdentity("b");
};

TEST_F(TokenHistoryTest, AcceptsWhatASingleCopyCouldAnswer) {
  List(3, 1, 2, {Active("founder", 2)});
  Issue(a_, 5);
  history_.OnIssueCall(b_);  // no answer: it may or may not be there
  List(6, 21, 30, {Active("a", 5)});
  List(9, 31, 40, {Active("a", 5), Active("b", 7)});
  history_.OnRevokeCall(a_);
  history_.OnRevoked(a_, 10, 41, 50, findings_);
  List(10, 51, 60, {Revoked("a", 5, 10), Active("b", 7)});
  history_.OnIssueCall(a_);
  history_.OnTokenExists(a_, 70, findings_);
  EXPECT_EQ(Found(), "");
}

TEST_F(TokenHistoryTest, AnOverlappingListMayShowEither) {
  Issue(a_, 5);
  List(4, 15, 25, {});
  EXPECT_EQ(Found(), "");
}

TEST_F(TokenHistoryTest, AListLacksAnAcknowledgedToken) {
  Issue(a_, 5);
  List(6, 21, 30, {});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, AListLacksWhatAnEarlierOneShowed) {
  history_.OnIssueCall(a_);
  List(6, 1, 10, {Active("a", 5)});
  EXPECT_EQ(Found(), "");
  List(7, 11, 20, {});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, AStaleListComesFromALowerIndex) {
  Issue(a_, 5);
  List(3, 21, 30, {Active("founder", 2)});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, AListShowsWhatNobodyIssued) {
  List(6, 1, 10, {Active("a", 5)});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, AListShowsARevokedTokenAsActive) {
  Issue(a_, 5);
  history_.OnRevokeCall(a_);
  history_.OnRevoked(a_, 8, 21, 30, findings_);
  List(9, 31, 40, {Active("a", 5)});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, AListShowsTheFuture) {
  history_.OnIssueCall(a_);
  List(4, 1, 10, {Active("a", 5)});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, ATokenIsIssuedTwice) {
  Issue(a_, 5);
  history_.OnIssueCall(a_);
  history_.OnIssued(a_, 9, 21, 30, findings_);
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, ATokenExistsBeforeItsTime) {
  history_.OnIssueCall(a_);
  history_.OnTokenExists(a_, 10, findings_);
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, AnExistingTokenIsNotFound) {
  Issue(a_, 5);
  history_.OnTokenNotFound(a_, 15, findings_);
  EXPECT_EQ(Found(), "");
  history_.OnTokenNotFound(a_, 21, findings_);
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, AnUnknownTokenIsRevoked) {
  history_.OnRevokeCall(a_);
  history_.OnRevoked(a_, 5, 1, 10, findings_);
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(TokenHistoryTest, AnAcknowledgedTokenIsGoneInTheEnd) {
  history_.CheckFinal(fsm::ClusterState(), findings_);
  EXPECT_EQ(Found(), "");
  Issue(a_, 5);
  history_.CheckFinal(fsm::ClusterState(), findings_);
  EXPECT_EQ(Found(), "acknowledged_durable");
}

class ForgettingTest : public TokenHistoryTest {
 protected:
  ForgettingTest() {
    history_ = TokenHistory(1);
    a_ = history_.NewIdentity("a");
    b_ = history_.NewIdentity("b");
    Issue(a_, 5);
    history_.OnIssueCall(b_);
    history_.OnRevokeCall(a_);
    history_.OnRevoked(a_, 9, 22, 25, findings_);
  }
  TokenHistory::Identity a_, b_;
};

TEST_F(ForgettingTest, AsManyAsAreRevokedAreRemembered) {
  List(9, 26, 27, {});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(ForgettingTest, TheFirstIsForgotten) {
  using Shown = TokenHistory::Shown;
  List(10, 26, 27, {Revoked("a", 5, 9), Active("b", 6)});
  history_.OnRevokeCall(b_);
  List(12, 28, 29, {Revoked("b", 6, 11)});
  history_.OnTokenNotFound(a_, 30, findings_);
  history_.OnShown(a_, Shown::kUnknown, 31, 32, findings_);
  EXPECT_EQ(Found(), "");
  history_.OnShown(a_, Shown::kAccepted, 33, 34, findings_);
  EXPECT_EQ(Found(), "token_shown");
}

TEST_F(ForgettingTest, TheSecondIsNotForgottenBeforeTheFirst) {
  history_.OnRevokeCall(b_);
  List(10, 26, 27, {Revoked("a", 5, 9), Active("b", 6)});
  List(12, 28, 29, {Revoked("b", 6, 11)});
  EXPECT_EQ(Found(), "");
  List(14, 30, 31, {Revoked("a", 5, 9)});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(ForgettingTest, AnActiveTokenIsNotForgotten) {
  List(10, 26, 27, {Revoked("a", 5, 9), Active("b", 6)});
  List(12, 28, 29, {Revoked("a", 5, 9)});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(ForgettingTest, NoMoreAreRemembered) {
  history_.OnRevokeCall(b_);
  List(12, 26, 27, {Revoked("a", 5, 9), Revoked("b", 6, 11)});
  EXPECT_EQ(Found(), "tokens_bounded");
}

// Those before it were revoked for good, and so is this one: asking again, for
// it or for others of them, makes nothing forget it.
TEST_F(ForgettingTest, OnlyLaterRevocationsMakeItForgotten) {
  const auto c = history_.NewIdentity("c");
  history_.OnIssueCall(c);
  history_.OnIssueCall(c);  // tried twice
  history_.OnRevokeCall(c);
  history_.OnRevoked(c, 12, 30, 32, findings_);
  for (const auto identity : {a_, c}) {
    for (int i = 0; i < 5; ++i) history_.OnRevokeCall(identity);
  }
  EXPECT_EQ(Found(), "");
  List(13, 40, 41, {Active("b", 6), Active("c", 7)});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(ForgettingTest, ItIsNotIssuedAgainByItself) {
  history_.OnRevokeCall(b_);
  List(12, 28, 29, {Revoked("b", 6, 11)});
  List(14, 30, 31, {Active("a", 13), Revoked("b", 6, 11)});
  EXPECT_EQ(Found(), "linearizability");
}

TEST_F(ForgettingTest, ItMayBeIssuedAgain) {
  history_.OnRevokeCall(b_);
  history_.OnIssueCall(a_);
  List(12, 28, 29, {Revoked("b", 6, 11)});
  List(14, 30, 31, {Active("a", 13), Revoked("b", 6, 11)});
  history_.OnShown(a_, TokenHistory::Shown::kAccepted, 33, 34, findings_);
  EXPECT_EQ(Found(), "");
}

TEST_F(TokenHistoryTest, ATokenThatIsShown) {
  using Shown = TokenHistory::Shown;
  Issue(a_, 5);
  history_.OnShown(a_, Shown::kAccepted, 21, 30, findings_);
  history_.OnShown(a_, Shown::kUnknown, 15, 31, findings_);  // called earlier
  history_.OnRevokeCall(a_);
  history_.OnShown(a_, Shown::kRevoked, 32, 35, findings_);
  history_.OnShown(a_, Shown::kAccepted, 33, 40, findings_);
  EXPECT_EQ(Found(), "");
  history_.OnShown(a_, Shown::kAccepted, 36, 41, findings_);
  EXPECT_EQ(Found(), "token_shown");
}

TEST_F(TokenHistoryTest, AServerThatKnowsOfTheRevocation) {
  using Shown = TokenHistory::Shown;
  Issue(a_, 5);
  history_.OnRevokeCall(a_);
  history_.OnRevoked(a_, 9, 22, 25, findings_);
  history_.OnAcceptedUnconfirmed(a_, 8, 30, 31, findings_);
  history_.OnShown(a_, Shown::kRevoked, 32, 33, findings_);
  EXPECT_EQ(Found(), "");
  history_.OnAcceptedUnconfirmed(a_, 9, 34, 35, findings_);
  EXPECT_EQ(Found(), "token_shown");
}

TEST_F(TokenHistoryTest, AServerThatCouldHaveAsked) {
  Issue(a_, 5);
  history_.OnRevokeCall(a_);
  history_.OnRevoked(a_, 9, 22, 25, findings_);
  history_.OnShown(a_, TokenHistory::Shown::kAccepted, 30, 31, findings_);
  EXPECT_EQ(Found(), "token_shown");
}

TEST_F(TokenHistoryTest, AServerThatKnowsOfAListedRevocation) {
  Issue(a_, 5);
  history_.OnRevokeCall(a_);
  history_.OnRevoked(a_, 12, 22, 25, findings_);  // a second time
  List(12, 26, 27, {Revoked("a", 5, 7)});
  history_.OnAcceptedUnconfirmed(a_, 6, 30, 31, findings_);
  EXPECT_EQ(Found(), "");
  history_.OnAcceptedUnconfirmed(a_, 7, 34, 35, findings_);
  EXPECT_EQ(Found(), "token_shown");
}

TEST_F(TokenHistoryTest, ATokenThatIsShownAndNotKnown) {
  Issue(a_, 5);
  history_.OnShown(a_, TokenHistory::Shown::kUnknown, 21, 30, findings_);
  EXPECT_EQ(Found(), "token_shown");
}

TEST_F(TokenHistoryTest, ATokenThatNobodyRevoked) {
  Issue(a_, 5);
  history_.OnShown(a_, TokenHistory::Shown::kRevoked, 21, 30, findings_);
  EXPECT_EQ(Found(), "token_shown");
}

}  // namespace
}  // namespace jaco::sim
