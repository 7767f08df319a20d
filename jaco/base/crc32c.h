// CRC-32C (Castagnoli), the checksum of every record that touches a disk.

#ifndef JACO_BASE_CRC32C_H_
#define JACO_BASE_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace jaco {

// The checksum of `data`; continues `crc` when it is the checksum of what came
// before: Crc32c(b, Crc32c(a)) == Crc32c(a + b).
uint32_t Crc32c(absl::string_view data, uint32_t crc = 0);

}  // namespace jaco

#endif  // JACO_BASE_CRC32C_H_
