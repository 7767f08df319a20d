#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/net/sansio/counted_log.h"
#include "jaco/net/sansio/failure_limiter.h"
#include "jaco/net/sansio/source.h"

namespace jaco::net {
namespace {

using ::testing::ElementsAre;

Instant At(int64_t milliseconds) {
  return Instant() + Milliseconds(milliseconds);
}

TEST(FailureLimiterTest, ABurstThenOneASecond) {
  FailureLimiter limiter({.burst = 3, .recovery = Seconds(1)});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(limiter.Wait("a", At(0)), Duration());
    limiter.OnFailure("a", At(0));
  }
  EXPECT_EQ(limiter.Wait("a", At(0)), Seconds(1));
  EXPECT_EQ(limiter.Wait("a", At(400)), Milliseconds(600));
  EXPECT_EQ(limiter.Wait("b", At(400)), Duration());
  EXPECT_EQ(limiter.Wait("a", At(1000)), Duration());
  limiter.OnFailure("a", At(1000));
  EXPECT_EQ(limiter.Wait("a", At(1000)), Seconds(1));
  EXPECT_EQ(limiter.Wait("a", At(60'000)), Duration());
}

TEST(FailureLimiterTest, RemembersTheLatestSources) {
  FailureLimiter limiter({.burst = 1, .sources_max = 3});
  for (const char* source : {"a", "b", "c", "a", "d"}) {
    limiter.OnFailure(source, At(0));
  }
  EXPECT_GT(limiter.Wait("a", At(0)), Duration());
  EXPECT_EQ(limiter.Wait("b", At(0)), Duration());
  for (int i = 0; i < 1000; ++i) limiter.OnFailure(absl::StrCat(i), At(0));
  EXPECT_EQ(limiter.Wait("a", At(0)), Duration());
}

TEST(SourceTest, ANetworkOfIpv6IsOne) {
  EXPECT_EQ(SourceOf("10.0.0.5"), "10.0.0.5");
  EXPECT_EQ(SourceOf("::ffff:10.0.0.5"), "10.0.0.5");
  EXPECT_EQ(SourceOf("2001:db8:0:1::5"), "2001:db8:0:1::/64");
  EXPECT_EQ(SourceOf("2001:db8:0:1:ffff:ffff:ffff:ffff"), "2001:db8:0:1::/64");
  EXPECT_EQ(SourceOf("2001:db8:0:2::5"), "2001:db8:0:2::/64");
  EXPECT_EQ(SourceOf("fe80::5%2"), "fe80::/64%2");
  EXPECT_EQ(SourceOf(""), "");
  EXPECT_EQ(SourceOf("nonsense"), "nonsense");
}

class Lines final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return true; }
  void Write(LogLevel, absl::string_view, absl::string_view line) override {
    lines.emplace_back(line);
  }
  std::vector<std::string> lines;
};

TEST(CountedLogTest, SaysSeldomAndHowMany) {
  Lines logger;
  CountedLog log(&logger, LogLevel::kWarning, "net", Seconds(10));
  for (int i = 0; i < 5; ++i) log.Write(At(i), "x", absl::StrCat("line ", i));
  log.Write(At(10'000), "x", "line 5");
  EXPECT_THAT(logger.lines, ElementsAre("line 0", "line 5 (and 4 before)"));
  EXPECT_EQ(log.count(), 6u);
}

TEST(CountedLogTest, OneKindHidesNoOther) {
  Lines logger;
  CountedLog log(&logger, LogLevel::kWarning, "net", Seconds(10));
  for (int i = 0; i < 100; ++i) log.Write(At(i), "scan", "scan");
  log.Write(At(100), "removed", "removed");
  EXPECT_THAT(logger.lines, ElementsAre("scan", "removed (and 99 before)"));
}

TEST(CountedLogTest, ManyKindsFillNoDisk) {
  Lines logger;
  CountedLog log(&logger, LogLevel::kWarning, "net", Seconds(10));
  for (int i = 0; i < 20'000; ++i) log.Write(At(i), absl::StrCat(i), "line");
  EXPECT_EQ(logger.lines.size(), 2 * CountedLog::kKindsMax);
  EXPECT_EQ(log.count(), 20'000u);
}

}  // namespace
}  // namespace jaco::net
