// A fast, well-mixed 128-bit hash, the same on every compiler and machine. It
// tells states apart that differ by accident; it is no defence against somebody
// who looks for collisions, so never use it where that matters.

#ifndef JACO_BASE_HASH_H_
#define JACO_BASE_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace jaco {

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;

  friend bool operator==(const Hash128&, const Hash128&) = default;
};

// MurmurHash3 (x64, 128 bits). Where the original puts one 32-bit seed into
// both halves, this takes all 128 bits: seeding with the hash of what came
// before makes a hash of the pair in which the border between the two counts.
Hash128 Murmur3(absl::string_view data, Hash128 seed = {});

}  // namespace jaco

#endif  // JACO_BASE_HASH_H_
