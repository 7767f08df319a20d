// Input: a meta.json.

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/net/sansio/archive_meta.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto meta = jaco::net::DecodeArchiveMeta(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!meta.ok()) return 0;
  JACO_CHECK(!jaco::net::ArchiveIdOf(*meta).empty());
  const auto again =
      jaco::net::DecodeArchiveMeta(jaco::net::EncodeArchiveMeta(*meta));
  JACO_CHECK(!again.ok() || again->index == meta->index);
  return 0;
}
