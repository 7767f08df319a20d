#include "jaco/base/hash.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "jaco/base/endian.h"

namespace jaco {
namespace {

std::string Bytes(const Hash128& hash) {
  std::string out;
  AppendLittleEndian(hash.low, &out);
  AppendLittleEndian(hash.high, &out);
  return out;
}

// SMHasher's verification: hash the keys {}, {0}, {0, 1}, ... with seeds 256,
// 255, ..., then the hashes. 0x6384ba69 is the published value for this hash.
TEST(Murmur3Test, IsTheKnownHash) {
  std::string key;
  std::string hashes;
  for (uint64_t i = 0; i < 256; ++i) {
    hashes += Bytes(Murmur3(key, {.high = 256 - i, .low = 256 - i}));
    key.push_back(static_cast<char>(i));
  }
  EXPECT_EQ(LoadLittleEndian<uint32_t>(Bytes(Murmur3(hashes)).data()),
            0x6384ba69u);
}

TEST(Murmur3Test, TheBorderBetweenTwoPartsCounts) {
  EXPECT_NE(Murmur3("bc", Murmur3("a")), Murmur3("c", Murmur3("ab")));
  EXPECT_NE(Murmur3("", Murmur3("a")), Murmur3("a", Murmur3("")));
}

TEST(Murmur3Test, BothHalvesOfTheSeedCount) {
  EXPECT_NE(Murmur3("x", {.high = 1}), Murmur3("x"));
  EXPECT_NE(Murmur3("x", {.low = 1}), Murmur3("x"));
}

}  // namespace
}  // namespace jaco
