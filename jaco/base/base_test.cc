#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/check.h"
#include "jaco/base/crc32c.h"
#include "jaco/base/endian.h"
#include "jaco/base/error.h"
#include "jaco/base/prng.h"
#include "jaco/base/strong_int.h"
#include "jaco/base/time.h"

namespace jaco {
namespace {

using ::testing::HasSubstr;

TEST(CheckDeathTest, NamesPlaceConditionAndDetail) {
  EXPECT_DEATH(JACO_CHECK_MSG(1 + 1 == 3, "sum of ", 2),
               "base_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3: sum of 2");
}

TEST(Crc32cTest, KnownAnswers) {
  // RFC 3720, appendix B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32cTest, Continues) {
  EXPECT_EQ(Crc32c("456789", Crc32c("123")), Crc32c("123456789"));
}

TEST(EndianTest, RoundTripAndLayout) {
  std::string bytes;
  AppendLittleEndian<uint32_t>(0x01020304, &bytes);
  AppendLittleEndian<uint64_t>(0xf1f2f3f4f5f6f7f8, &bytes);
  EXPECT_EQ(bytes, std::string("\x04\x03\x02\x01\xf8\xf7\xf6\xf5\xf4\xf3\xf2"
                               "\xf1"));
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Read<uint32_t>(), 0x01020304u);
  EXPECT_EQ(reader.Read<uint64_t>(), 0xf1f2f3f4f5f6f7f8u);
  EXPECT_TRUE(reader.AtEnd());
}

TEST(EndianTest, ReadingPastTheEndSticks) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.Read<uint32_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.ReadBytes(1), "");
  EXPECT_FALSE(reader.AtEnd());
}

TEST(ErrorTest, CodeSurvivesTheStatus) {
  const absl::Status status =
      MakeError(ErrorCode::kTokenExists, "token \"a\" exists");
  EXPECT_EQ(CodeOf(status), ErrorCode::kTokenExists);
  EXPECT_EQ(ErrorCodeName(CodeOf(status)), "token_exists");
  EXPECT_THAT(std::string(status.message()), HasSubstr("token \"a\" exists"));
}

TEST(ErrorTest, EveryCodeHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    names.insert(std::string(ErrorCodeName(code)));
    EXPECT_EQ(ErrorCodeFromName(ErrorCodeName(code)), code);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(ErrorCode::kInternal) + 1);
  EXPECT_EQ(ErrorCodeFromName("no_such_code"), std::nullopt);
}

TEST(ErrorTest, ForeignStatusesGetTheNearestCode) {
  EXPECT_EQ(CodeOf(absl::DataLossError("x")), ErrorCode::kDataLoss);
  EXPECT_EQ(CodeOf(absl::UnknownError("x")), ErrorCode::kInternal);
}

TEST(PrngTest, NumbersAreFixed) {
  // A change of these numbers changes what every seed means.
  Prng prng(1);
  EXPECT_EQ(prng.Next(), 14233695028433725123u);
}

TEST(PrngTest, StaysInBounds) {
  Prng prng(7);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(prng.Below(3), 3u);
    const uint64_t v = prng.Between(5, 6);
    EXPECT_TRUE(v == 5 || v == 6);
    const Duration d = prng.Between(Milliseconds(1), Milliseconds(2));
    EXPECT_GE(d, Milliseconds(1));
    EXPECT_LE(d, Milliseconds(2));
    EXPECT_FALSE(prng.Chance(0, 10));
    EXPECT_TRUE(prng.Chance(10, 10));
  }
}

TEST(StrongIntTest, OrdersAndCounts) {
  using Id = StrongInt<struct IdTag>;
  EXPECT_LT(Id(1), Id(2));
  EXPECT_EQ(Id(1).Next(), Id(2));
  EXPECT_EQ(Id(5) - Id(2), 3u);
  EXPECT_EQ(Id(5) - 2, Id(3));
}

TEST(TimeTest, Arithmetic) {
  const Instant t = Instant::FromNanoseconds(5);
  EXPECT_EQ((t + Microseconds(1)).nanoseconds(), 1005);
  EXPECT_EQ((t + Seconds(1)) - t, Milliseconds(1000));
  EXPECT_LT(t + Seconds(1), Instant::Never());
}

}  // namespace
}  // namespace jaco
