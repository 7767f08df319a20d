#include "jaco/net/sansio/frame_reader.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jaco/base/endian.h"
#include "jaco/base/prng.h"

namespace jaco::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Feeds `bytes` in pieces of at most `piece` and collects the frames.
absl::StatusOr<std::vector<std::string>> Feed(FrameReader& reader,
                                              absl::string_view bytes,
                                              size_t piece) {
  std::vector<std::string> frames;
  while (!bytes.empty()) {
    const absl::Span<char> space = reader.Space();
    const size_t size = std::min({piece, bytes.size(), space.size()});
    bytes.copy(space.data(), size);
    bytes.remove_prefix(size);
    reader.Commit(size);
    while (true) {
      const auto frame = reader.Next();
      if (!frame.ok()) return frame.status();
      if (!frame->has_value()) break;
      frames.emplace_back(**frame);
    }
  }
  return frames;
}

std::string Frame(absl::string_view payload) {
  std::string out;
  AppendFrameHeader(payload.size(), &out);
  return out.append(payload.data(), payload.size());
}

TEST(FrameReaderTest, CutsFramesHoweverTheyCome) {
  const std::string large(3'000'000, 'x');
  const std::string stream = EncodeHello({.sender = 7, .cluster = 9}) +
                             Frame("one") + Frame("") + Frame(large) +
                             Frame("two");
  for (const size_t piece : {1, 7, 4096, 1 << 20, 1 << 30}) {
    FrameReader reader;
    const auto frames = Feed(reader, stream, piece);
    ASSERT_TRUE(frames.ok()) << frames.status();
    EXPECT_THAT(*frames, ElementsAre("one", "", large, "two"));
    EXPECT_EQ(reader.hello()->sender, 7u);
    EXPECT_EQ(reader.hello()->cluster, 9u);
  }
}

TEST(FrameReaderTest, RefusesStrangers) {
  const std::string good = EncodeHello({.sender = 1});
  const auto error = [](std::string bytes) {
    FrameReader reader;
    return std::string(Feed(reader, bytes, 1000).status().message());
  };
  EXPECT_EQ(error(good), "");
  EXPECT_THAT(error("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
              HasSubstr("not a jaco peer"));
  std::string version = good;
  version[8] = 2;
  EXPECT_THAT(error(version), HasSubstr("version 2"));
  EXPECT_THAT(error(EncodeHello({.sender = 0})), HasSubstr("id 0"));
}

TEST(FrameReaderTest, WaitsForAWholeHello) {
  FrameReader reader;
  EXPECT_THAT(*Feed(reader, "JACOPEER\1", 9), IsEmpty());
  EXPECT_FALSE(reader.hello().has_value());
}

TEST(FrameReaderTest, TheLongestFrameAndOneMore) {
  FrameReader longest, longer;
  const std::string hello = EncodeHello({.sender = 1});
  const std::string payload(env::kFrameBytesMax, 'x');
  EXPECT_EQ(Feed(longest, hello + Frame(payload), 1 << 20)->size(), 1u);
  std::string header;
  AppendFrameHeader(env::kFrameBytesMax + 1, &header);
  EXPECT_THAT(
      std::string(Feed(longer, hello + header, 1 << 20).status().message()),
      HasSubstr("a frame of 16777217 bytes"));
}

TEST(FrameReaderTest, MemoryFollowsTheBytesNotTheHeader) {
  FrameReader reader;
  std::string header;
  AppendFrameHeader(env::kFrameBytesMax, &header);
  ASSERT_TRUE(Feed(reader, EncodeHello({.sender = 1}) + header, 100).ok());
  EXPECT_LT(reader.Space().size(), size_t{1} << 18);
}

}  // namespace
}  // namespace jaco::net
