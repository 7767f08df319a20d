#include "jaco/cmd/log_ring.h"

#include <atomic>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::cmd {
namespace {

using ::testing::ElementsAre;

class FakeClock : public env::Clock {
 public:
  Instant Now() const override { return Instant() + Seconds(1) + passed; }
  absl::Time WallNow() const override { return absl::FromUnixMillis(1234); }
  Duration passed;
};

// Keeps warnings and errors.
class FakeLogger : public Logger {
 public:
  bool Enabled(LogLevel level) const override {
    return level >= LogLevel::kWarning;
  }
  void Write(LogLevel level, absl::string_view,
             absl::string_view message) override {
    if (Enabled(level)) absl::StrAppend(&written, message, "\n");
  }
  std::string written;
};

class LogRingTest : public testing::Test {
 protected:
  std::vector<std::string> Lines(const net::LogRequest& request) {
    std::vector<std::string> lines;
    for (const net::LogLine& line : ring_.Read(request).lines) {
      lines.push_back(line.text.substr(line.text.find(": ") + 2));
    }
    return lines;
  }
  void Write(int from, int to) {
    for (int i = from; i <= to; ++i) {
      ring_.Write(LogLevel::kError, "t", absl::StrCat(i));
    }
  }

  FakeClock clock_;
  FakeLogger next_;
  LogRing ring_{&next_, &clock_, "r"};
};

TEST_F(LogRingTest, ALineIsAsOnStandardError) {
  ring_.Write(LogLevel::kWarning, "raft", "a\x1b[1m \xc3\xa9");
  const net::LogPage page = ring_.Read({.limit = 10});
  ASSERT_EQ(page.lines.size(), 1u);
  EXPECT_EQ(page.lines[0].text,
            "1970-01-01T00:00:01.234Z warn  raft: a\\x1b[1m \\xc3\\xa9");
  EXPECT_EQ(page.run, "r");
  EXPECT_EQ(next_.written, "a\x1b[1m \xc3\xa9\n");
}

TEST_F(LogRingTest, TheNewestThenWhatFollows) {
  EXPECT_EQ(ring_.Read({.limit = 2}).next, 1u);
  Write(1, 5);
  net::LogPage page = ring_.Read({.limit = 2});
  EXPECT_THAT(Lines({.limit = 2}), ElementsAre("4", "5"));
  EXPECT_FALSE(page.more);
  Write(6, 8);
  EXPECT_THAT(Lines({.after = page.next, .limit = 2}), ElementsAre("6", "7"));
  page = ring_.Read({.after = page.next, .limit = 2});
  EXPECT_TRUE(page.more);
  EXPECT_THAT(Lines({.after = page.next, .limit = 2}), ElementsAre("8"));
  EXPECT_EQ(page.lost, 0u);
  // All there are, to one who came when there were none.
  EXPECT_EQ(Lines({.after = 1, .limit = 10}).size(), 8u);
  EXPECT_THAT(Lines({.after = 100, .limit = 10}), ElementsAre());
}

TEST_F(LogRingTest, WhatNobodyReadsIsGone) {
  Write(1, 3);
  const uint64_t after = ring_.Read({.limit = 1}).next;
  Write(1, LogRing::kLinesMax + 5);
  const net::LogPage page = ring_.Read({.after = after, .limit = 1});
  EXPECT_EQ(page.lost, 5u);
  EXPECT_THAT(Lines({.after = after, .limit = 1}), ElementsAre("6"));
  EXPECT_EQ(ring_.Read({.after = page.next, .limit = 1}).lost, 0u);
}

TEST_F(LogRingTest, LongLinesTakeNoMoreRoom) {
  const std::string line(LogRing::kLineBytesMax * 2, 'x');
  for (int i = 0; i < 1000; ++i) ring_.Write(LogLevel::kError, "t", line);
  const net::LogPage page = ring_.Read({.after = 1, .limit = 1000});
  EXPECT_EQ(page.lost + page.lines.size(), 1000u);
  EXPECT_LE(page.lines.size(), LogRing::kBytesMax / LogRing::kLineBytesMax);
  EXPECT_GT(page.lines.size(), 200u);
}

TEST_F(LogRingTest, LevelsThatAreAskedForAreMade) {
  EXPECT_FALSE(ring_.Enabled(LogLevel::kDebug));
  ring_.Write(LogLevel::kDebug, "t", "unheard");
  const net::LogRequest request{.least = LogLevel::kDebug, .limit = 10};
  EXPECT_THAT(Lines(request), ElementsAre());
  EXPECT_TRUE(ring_.Enabled(LogLevel::kDebug));
  ring_.Write(LogLevel::kDebug, "t", "heard");
  ring_.Write(LogLevel::kInfo, "t", "too");
  EXPECT_THAT(Lines(request), ElementsAre("heard", "too"));
  EXPECT_THAT(Lines({.least = LogLevel::kInfo, .limit = 10}),
              ElementsAre("too"));
  EXPECT_EQ(next_.written, "");
  clock_.passed = LogRing::kWantedFor;
  EXPECT_FALSE(ring_.Enabled(LogLevel::kInfo));
}

TEST_F(LogRingTest, ManyMayWrite) {
  class Silent : public Logger {
   public:
    bool Enabled(LogLevel) const override { return true; }
    void Write(LogLevel, absl::string_view, absl::string_view) override {}
  } silent;
  LogRing ring(&silent, &clock_, "r");
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (int j = 0; j < 500; ++j) ring.Write(LogLevel::kInfo, "t", "x");
    });
  }
  uint64_t after = 1;
  size_t read = 0;
  while (read < 2000) {
    const net::LogPage page = ring.Read({.after = after, .limit = 100});
    read += page.lines.size();
    after = page.next;
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(after, 2001u);
}

}  // namespace
}  // namespace jaco::cmd
