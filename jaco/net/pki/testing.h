// What tests of certificates share.

#ifndef JACO_NET_PKI_TESTING_H_
#define JACO_NET_PKI_TESTING_H_

#include "jaco/base/prng.h"
#include "jaco/env/entropy.h"

namespace jaco::net {

class SeededEntropy final : public env::Entropy {
 public:
  explicit SeededEntropy(uint64_t seed = 1) : prng_(seed) {}

  void Fill(absl::Span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(prng_.Next());
  }

 private:
  Prng prng_;
};

}  // namespace jaco::net

#endif  // JACO_NET_PKI_TESTING_H_
