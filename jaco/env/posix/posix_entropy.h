#ifndef JACO_ENV_POSIX_POSIX_ENTROPY_H_
#define JACO_ENV_POSIX_POSIX_ENTROPY_H_

#include <cstdint>

#include "absl/types/span.h"
#include "jaco/env/entropy.h"

namespace jaco::env {

// getrandom(2).
class PosixEntropy final : public Entropy {
 public:
  void Fill(absl::Span<uint8_t> out) override;
};

}  // namespace jaco::env

#endif  // JACO_ENV_POSIX_POSIX_ENTROPY_H_
