#include "jaco/server/removal_notice.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco::server {
namespace {

using ::testing::HasSubstr;

std::string WhyNot(absl::string_view frame) {
  return std::string(DecodeRemovalNotice(frame).message());
}

TEST(RemovalNoticeTest, WhatIsEncodedIsDecoded) {
  const std::string frame = EncodeRemovalNotice();
  EXPECT_EQ(frame, "\x52\x01");
  EXPECT_TRUE(IsRemovalNotice(frame));
  EXPECT_TRUE(DecodeRemovalNotice(frame).ok());
}

TEST(RemovalNoticeTest, WhatNoEncoderMakes) {
  EXPECT_TRUE(IsRemovalNotice("\x52\x02"));
  EXPECT_THAT(WhyNot("\x52\x02"),
              HasSubstr("removal notice: unknown version 2; this build knows "
                        "1"));
  // Whatever a later version has behind that.
  EXPECT_THAT(WhyNot("\x52\x02more"), HasSubstr("unknown version 2"));
  EXPECT_TRUE(IsRemovalNotice("\x52"));
  EXPECT_THAT(WhyNot("\x52"), HasSubstr("cut short"));
  EXPECT_THAT(WhyNot("\x52\x01more"), HasSubstr("4 surplus bytes"));
}

TEST(RemovalNoticeTest, OtherFramesAreNone) {
  for (const absl::string_view frame : {"", "\x01\x05", "\x46\x01", "\x53"}) {
    EXPECT_FALSE(IsRemovalNotice(frame));
    EXPECT_FALSE(DecodeRemovalNotice(frame).ok());
  }
}

}  // namespace
}  // namespace jaco::server
