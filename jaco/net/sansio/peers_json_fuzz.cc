// Input: a peers.json.

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/net/sansio/peers_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto members = jaco::net::DecodePeersJson(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!members.ok()) return 0;
  JACO_CHECK(!members->empty());
  bool voter = false;
  for (const auto& member : *members) {
    JACO_CHECK(!member.address.empty());
    voter |= !member.non_voter;
  }
  JACO_CHECK(voter);
  return 0;
}
