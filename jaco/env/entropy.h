#ifndef JACO_ENV_ENTROPY_H_
#define JACO_ENV_ENTROPY_H_

#include <cstdint>

#include "absl/types/span.h"

namespace jaco::env {

// Unpredictable bytes, for keys, tokens and ids, and for one seed per
// incarnation; everything else draws from a Prng. Twins: PosixEntropy,
// SimEntropy. Any thread.
class Entropy {
 public:
  virtual ~Entropy() = default;

  // Fills `out`. Never fails: a system that cannot give entropy aborts.
  virtual void Fill(absl::Span<uint8_t> out) = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_ENTROPY_H_
