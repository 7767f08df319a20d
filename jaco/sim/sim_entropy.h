#ifndef JACO_SIM_SIM_ENTROPY_H_
#define JACO_SIM_SIM_ENTROPY_H_

#include <algorithm>
#include <cstdint>

#include "jaco/base/prng.h"
#include "jaco/env/entropy.h"

namespace jaco::sim {

// Bytes that look random and repeat with the seed.
class SimEntropy final : public env::Entropy {
 public:
  explicit SimEntropy(uint64_t seed) : prng_(seed) {}

  void Fill(absl::Span<uint8_t> out) override {
    while (!out.empty()) {
      // Byte by byte, so that the order of bytes in a word does not matter.
      uint64_t word = prng_.Next();
      const size_t size = std::min(out.size(), sizeof(word));
      for (uint8_t& byte : out.first(size)) {
        byte = static_cast<uint8_t>(word);
        word >>= 8;
      }
      out.remove_prefix(size);
    }
  }

 private:
  Prng prng_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_SIM_ENTROPY_H_
