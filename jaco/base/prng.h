// A seeded generator for everything that may be replayed: election jitter, the
// simulator's decisions, test data. Same seed, same numbers, on every compiler.
// Never for secrets: those come from env's Entropy.

#ifndef JACO_BASE_PRNG_H_
#define JACO_BASE_PRNG_H_

#include <cstdint>

#include "jaco/base/time.h"

namespace jaco {

// One step of SplitMix64: a cheap bijective mix of 64 bits, also used to derive
// the seed of one stream from the seed of another and a key.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// xoshiro256** 1.0. A value type: a copy continues with the same numbers.
class Prng {
 public:
  explicit constexpr Prng(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed = Mix64(seed);
      word = seed;
    }
  }

  constexpr uint64_t Next() {
    const uint64_t result = RotateLeft(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = RotateLeft(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound); `bound` > 0. The bias of the multiply-shift is below
  // bound / 2^64 and the same everywhere, which is what matters here.
  constexpr uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>(
        (static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }
  // Uniform in [low, high], `low` <= `high`.
  constexpr uint64_t Between(uint64_t low, uint64_t high) {
    return low + Below(high - low + 1);
  }
  constexpr Duration Between(Duration low, Duration high) {
    return Nanoseconds(
        low.nanoseconds() +
        static_cast<int64_t>(
            Below(static_cast<uint64_t>((high - low).nanoseconds()) + 1)));
  }
  // True `numerator` times out of `denominator`.
  constexpr bool Chance(uint64_t numerator, uint64_t denominator) {
    return Below(denominator) < numerator;
  }
  // A geometric-like tail without floats: mean * (number of halvings drawn),
  // from 0 to 64 times `mean`, about `mean` on average.
  constexpr Duration Tail(Duration mean) {
    const uint64_t bits = Next();
    const int halvings = bits == 0 ? 64 : __builtin_ctzll(bits);
    return mean * halvings +
           Nanoseconds(static_cast<int64_t>(Below(
                           static_cast<uint64_t>(mean.nanoseconds()) + 1)) /
                       2);
  }

 private:
  static constexpr uint64_t RotateLeft(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
  }
  uint64_t state_[4] = {};
};

}  // namespace jaco

#endif  // JACO_BASE_PRNG_H_
