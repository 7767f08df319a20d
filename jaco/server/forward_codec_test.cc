#include "jaco/server/forward_codec.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/error.h"
#include "jaco/base/prng.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace jaco::server {
namespace {

using ::testing::HasSubstr;

ForwardRequest Request() { return {raft::Term(5), 6, 7, "do"}; }
ForwardRequest Call() { return {raft::Term(5), 6, 7, "do", true}; }
ForwardResponse Done() {
  return {6, 7, raft::LogIndex(9), absl::OkStatus(), "ok"};
}
ForwardResponse Refused() {
  return {6, 7, raft::LogIndex(), MakeError(ErrorCode::kNoLeader, "x"), ""};
}

// Changes to these bytes break clusters of mixed versions.
TEST(ForwardCodecTest, GoldenBytes) {
  EXPECT_EQ(absl::BytesToHexString(EncodeForward(Request())),
            "460101"
            "0500000000000000"
            "0600000000000000"
            "0700000000000000"
            "02000000"
            "646f");
  EXPECT_EQ(absl::BytesToHexString(EncodeForward(Done())),
            "460102"
            "0600000000000000"
            "0700000000000000"
            "0900000000000000"
            "00000000"
            "02000000"
            "6f6b");
  EXPECT_EQ(absl::BytesToHexString(EncodeForward(Refused())),
            "460102"
            "0600000000000000"
            "0700000000000000"
            "0000000000000000"
            "09000000"
            "6e6f5f6c6561646572"
            "01000000"
            "78");
}

TEST(ForwardCodecTest, WhatIsDecodedIsWhatWasEncoded) {
  for (const ForwardMessage& message :
       {ForwardMessage(Request()), ForwardMessage(Done()),
        ForwardMessage(Refused()), ForwardMessage(Call()),
        ForwardMessage(ForwardAddress{raft::NodeId(3), "10.0.0.1:7"})}) {
    const std::string frame = EncodeForward(message);
    EXPECT_TRUE(IsForwardFrame(frame));
    const auto decoded = DecodeForward(frame);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(EncodeForward(*decoded), frame);
    for (size_t size = 0; size < frame.size(); ++size) {
      EXPECT_FALSE(DecodeForward(frame.substr(0, size)).ok()) << size;
    }
    EXPECT_FALSE(DecodeForward(frame + "x").ok());
  }
}

TEST(ForwardCodecTest, WhatNoEncoderMakes) {
  std::string frame = EncodeForward(Request());
  frame[1] = 2;
  EXPECT_THAT(std::string(DecodeForward(frame).status().message()),
              HasSubstr("unknown version 2; this build knows 1"));
  frame = EncodeForward(Request());
  frame[2] = 5;
  EXPECT_THAT(std::string(DecodeForward(frame).status().message()),
              HasSubstr("unknown type"));
  frame = EncodeForward(Refused());
  frame[31] = 'N';
  EXPECT_THAT(std::string(DecodeForward(frame).status().message()),
              HasSubstr("unknown error code"));
}

TEST(ForwardCodecTest, MutatedFrames) {
  Prng prng(1);
  for (int i = 0; i < 3000; ++i) {
    std::string frame = EncodeForward(i % 3 == 0   ? ForwardMessage(Request())
                                      : i % 3 == 1 ? ForwardMessage(Done())
                                                   : ForwardMessage(Refused()));
    for (uint64_t n = prng.Below(4); n > 0; --n) {
      frame[prng.Below(frame.size())] = static_cast<char>(prng.Next());
    }
    frame.resize(prng.Below(frame.size() + 1));
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(frame.data()),
                           frame.size());
  }
}

}  // namespace
}  // namespace jaco::server
