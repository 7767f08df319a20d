#include "jaco/base/crc32c.h"

#include <isa-l/crc.h>

namespace jaco {
namespace {

// ISA-L takes a length as int.
constexpr size_t kChunkBytesMax = size_t{1} << 30;

}  // namespace

uint32_t Crc32c(absl::string_view data, uint32_t crc) {
  // ISA-L leaves the initial and final inversion to the caller.
  crc = ~crc;
  while (!data.empty()) {
    const absl::string_view chunk = data.substr(0, kChunkBytesMax);
    auto* bytes = reinterpret_cast<unsigned char*>(
        const_cast<char*>(chunk.data()));  // the C interface lacks a const
    crc = crc32_iscsi(bytes, static_cast<int>(chunk.size()), crc);
    data.remove_prefix(chunk.size());
  }
  return ~crc;
}

}  // namespace jaco
