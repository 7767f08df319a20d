#include "jaco/base/hash.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/base/endian.h"

namespace jaco {
namespace {

// The constants and the order of the steps are those of Austin Appleby's
// MurmurHash3_x64_128, which is in the public domain.
constexpr uint64_t kC1 = 0x87c37b91114253d5u;
constexpr uint64_t kC2 = 0x4cf5ad432745937fu;

constexpr uint64_t RotateLeft(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

constexpr uint64_t MixLow(uint64_t word) {
  return RotateLeft(word * kC1, 31) * kC2;
}

constexpr uint64_t MixHigh(uint64_t word) {
  return RotateLeft(word * kC2, 33) * kC1;
}

constexpr uint64_t Finish(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
  return x ^ (x >> 33);
}

// Up to 8 bytes, little-endian, missing ones as zeros.
uint64_t LoadTail(absl::string_view bytes) {
  uint64_t word = 0;
  for (size_t i = 0; i < bytes.size() && i < 8; ++i) {
    word |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  }
  return word;
}

}  // namespace

Hash128 Murmur3(absl::string_view data, Hash128 seed) {
  const uint64_t size = data.size();
  uint64_t low = seed.low;
  uint64_t high = seed.high;
  for (; data.size() >= 16; data.remove_prefix(16)) {
    low ^= MixLow(LoadLittleEndian<uint64_t>(data.data()));
    low = (RotateLeft(low, 27) + high) * 5 + 0x52dce729;
    high ^= MixHigh(LoadLittleEndian<uint64_t>(data.data() + 8));
    high = (RotateLeft(high, 31) + low) * 5 + 0x38495ab5;
  }
  // A missing word is 0, which these leave alone.
  low ^= MixLow(LoadTail(data));
  if (data.size() > 8) high ^= MixHigh(LoadTail(data.substr(8)));

  low ^= size;
  high ^= size;
  low += high;
  high += low;
  low = Finish(low);
  high = Finish(high);
  low += high;
  high += low;
  return {.high = high, .low = low};
}

}  // namespace jaco
