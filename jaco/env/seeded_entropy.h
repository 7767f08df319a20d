// What tests share that draw random bytes.

#ifndef JACO_ENV_SEEDED_ENTROPY_H_
#define JACO_ENV_SEEDED_ENTROPY_H_

#include "jaco/base/prng.h"
#include "jaco/env/entropy.h"

namespace jaco::env {

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(uint64_t seed = 1) : prng_(seed) {}

  void Fill(absl::Span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(prng_.Next());
  }

 private:
  Prng prng_;
};

}  // namespace jaco::env

#endif  // JACO_ENV_SEEDED_ENTROPY_H_
