#include "jaco/cmd/history_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace jaco::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string File(const std::vector<std::string>& lines) {
  return absl::StrCat("jaco-history 1\n", absl::StrJoin(lines, "\n"), "\n");
}

std::string ErrorIn(const std::string& line) {
  const auto history = ParseHistory(File({"# one", line}));
  return std::string(history.status().message());
}

// "invariant: lines", or empty.
std::string Verdict(const std::vector<std::string>& lines) {
  const auto history = ParseHistory(File(lines));
  if (!history.ok()) return std::string(history.status().message());
  const auto violation = CheckHistory(*history);
  if (!violation.has_value()) return "";
  std::string verdict = absl::StrCat(violation->invariant, ":");
  for (const Operation* operation : Offenders(*history, *violation, 10)) {
    absl::StrAppend(&verdict, " ", operation->line);
  }
  return verdict;
}

TEST(HistoryFileTest, EveryKindOfLine) {
  const auto history = ParseHistory(File(
      {"# a comment", "", "c1 10 20 node-1 issue a ok 5",
       "c2 15 - node-2 revoke b unknown connection",
       "c1 21 30 node-1 issue a exists", "c1 31 40 node-3 revoke z missing",
       "c1 41 50 node-1 issue q refused no_leader",
       "c1 51 60 node-1 list ok 9 b=6/8 a=5"}));
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->size(), 6u);
  const Operation& issue = history->front();
  EXPECT_EQ(issue.line, 4u);
  EXPECT_EQ(issue.identity, "a");
  EXPECT_EQ(issue.called, 10u);
  EXPECT_EQ(issue.returned, 20u);
  EXPECT_EQ(issue.index, 5u);
  EXPECT_EQ((*history)[1].outcome, OperationOutcome::kUnknown);
  const server::ListTokensResponse& list = history->back().list;
  EXPECT_EQ(list.index, 9u);
  ASSERT_EQ(list.tokens.size(), 2u);
  EXPECT_EQ(list.tokens[0].identity, "a");
  EXPECT_EQ(list.tokens[0].revoked_at, absl::InfiniteFuture());
  EXPECT_EQ(list.tokens[1].create_index, 6u);
  EXPECT_EQ(list.tokens[1].modify_index, 8u);
  EXPECT_NE(list.tokens[1].revoked_at, absl::InfiniteFuture());
}

TEST(HistoryFileTest, BadLinesAreNamed) {
  EXPECT_EQ(ErrorIn("c 1"), "line 3: \"1\": the line ends here");
  for (const auto& [line, said] :
       std::vector<std::pair<std::string, std::string>>{
           {"c x 2 n issue a ok 5", "\"x\": not a number"},
           {"c 1 2  issue a ok 5", "\"\": not a name"},
           {"c 1 2 n isue a ok 5", "\"isue\": is not issue, revoke or list"},
           {"c 1 2 n issue a/b ok 5", "\"a/b\": not a name"},
           {"c 1 2 n issue a missing", "\"missing\": is no outcome"},
           {"c 1 2 n revoke a exists", "\"exists\": is no outcome"},
           {"c 1 2 n issue a ok 5 6", "\"6\": does not belong here"},
           {"c 1 2 n issue a ok -5", "\"-5\": not a number"},
           {"c 1 2 n issue a ok 18446744073709551615", "not a number"},
           {"c 2 1 n issue a ok 5", "\"1\": returned before it was called"},
           {"c 2 - n issue a ok 5", "\"-\": an operation with this outcome"},
           {"c 1 2 n list ok 9 a=1 a=2", "\"a\": is listed twice"},
           {"c 1 2 n list ok 9 a", "\"\": not a number"},
           {"c 1 2 n list ok 9 a=1/", "\"\": not a number"},
       }) {
    EXPECT_THAT(ErrorIn(line), HasSubstr(said)) << line;
  }
  EXPECT_THAT(ParseHistory("").status().message(), HasSubstr("line 1: "));
}

TEST(HistoryFileTest, AcceptsWhatASingleCopyCouldAnswer) {
  EXPECT_EQ(
      Verdict({"c1 10 20 n issue a ok 5",
               // Out of order in the file; in time it was first.
               "c2 1 2 n list ok 4 founder=2", "c2 15 25 n list ok 4 founder=2",
               "c3 11 - n issue b unknown timeout", "c3 30 40 n issue b exists",
               "c1 30 45 n revoke a ok 9",
               "c2 50 60 n list ok 9 a=5/9 b=8 founder=2"}),
      "");
}

// ---- Each way to be wrong, and the lines that show it.

TEST(HistoryFileTest, AnAcknowledgedTokenIsGone) {
  EXPECT_EQ(Verdict({"c1 10 20 n issue a ok 5", "c1 1 2 n issue other ok 3",
                     "c2 21 30 n list ok 6 other=3"}),
            "linearizability: 2 4");
}

TEST(HistoryFileTest, AReadIsStale) {
  EXPECT_EQ(Verdict({"c1 10 20 n issue a ok 5", "c2 21 30 n list ok 3"}),
            "linearizability: 2 3");
}

TEST(HistoryFileTest, ARevocationIsGone) {
  EXPECT_EQ(Verdict({"c1 10 20 n issue a ok 5", "c1 21 30 n revoke a ok 6",
                     "c2 31 40 n list ok 7 a=5"}),
            "linearizability: 2 3 4");
}

TEST(HistoryFileTest, ATokenIsIssuedTwice) {
  EXPECT_EQ(Verdict({"c1 10 20 n issue a ok 5", "c1 21 30 n issue a ok 6"}),
            "linearizability: 2 3");
}

TEST(HistoryFileTest, AnIssuedTokenIsMissing) {
  EXPECT_EQ(Verdict({"c1 10 20 n issue a ok 5", "c1 21 30 n revoke a missing"}),
            "linearizability: 2 3");
}

TEST(HistoryFileTest, ARefusedCallTakesEffect) {
  EXPECT_EQ(Verdict({"c1 10 20 n issue a refused no_leader",
                     "c1 21 30 n list ok 6 a=5"}),
            "linearizability: 2");
  EXPECT_EQ(Verdict({"c1 10 20 n issue a ok 5",
                     "c1 21 30 n revoke a refused no_leader",
                     "c1 31 40 n list ok 7 a=5/6"}),
            "linearizability: 2 3");
}

TEST(HistoryFileTest, OffendersAreLimited) {
  const auto history = ParseHistory(
      File({"c1 10 20 n issue a ok 5", "c1 21 30 n issue a ok 6"}));
  ASSERT_TRUE(history.ok());
  EXPECT_EQ(Offenders(*history, *CheckHistory(*history), 1).size(), 1u);
}

}  // namespace
}  // namespace jaco::sim
