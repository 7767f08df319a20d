#include "jaco/env/posix/spdlog_logger.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::env {
namespace {

using ::testing::MatchesRegex;

std::string Logged(SpdlogLogger& logger, LogLevel level,
                   absl::string_view message) {
  testing::internal::CaptureStderr();
  logger.Write(level, "raft", message);
  return testing::internal::GetCapturedStderr();
}

TEST(SpdlogLoggerTest, WritesTimeLevelSubsystemMessage) {
  SpdlogLogger logger(LogLevel::kInfo);
  EXPECT_THAT(Logged(logger, LogLevel::kInfo, "became {} leader"),
              MatchesRegex("....-..-..T..:..:..\\....Z info  raft: became "
                           "\\{\\} leader\n"));
}

TEST(SpdlogLoggerTest, KeepsToItsLevel) {
  SpdlogLogger logger(LogLevel::kWarning);
  EXPECT_FALSE(logger.Enabled(LogLevel::kInfo));
  EXPECT_EQ(Logged(logger, LogLevel::kInfo, "x"), "");
  logger.SetLevel(LogLevel::kDebug);
  EXPECT_TRUE(logger.Enabled(LogLevel::kDebug));
  EXPECT_THAT(Logged(logger, LogLevel::kDebug, "x"),
              MatchesRegex(".*debug raft: x\n"));
}

TEST(SpdlogLoggerTest, ALineStaysALine) {
  SpdlogLogger logger(LogLevel::kInfo);
  EXPECT_THAT(Logged(logger, LogLevel::kError, "a\nb\x1b[31m é"),
              MatchesRegex(".*error raft: a\\\\nb\\\\x1b\\[31m é\n"));
}

}  // namespace
}  // namespace jaco::env
