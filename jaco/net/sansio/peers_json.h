// peers.json, the members by which an operator replaces those of a cluster that
// has lost its quorum for good.

#ifndef JACO_NET_SANSIO_PEERS_JSON_H_
#define JACO_NET_SANSIO_PEERS_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::net {

struct PeersJsonMember {
  uint64_t id = 0;      // 0: not told, known by its address
  std::string address;  // host:port
  bool non_voter = false;

  friend bool operator==(const PeersJsonMember&,
                         const PeersJsonMember&) = default;
};

// Reads [{"id": "7", "address": "10.0.0.5:7001", "non_voter": false}, ...] or
// ["10.0.0.5:7001", ...]; an id is a decimal number, in quotes or not, and
// non_voter may be missing. Errors: parse_failed (not JSON), validation_failed
// (anything else, also no member, no voter, or an id or address that comes
// twice).
absl::StatusOr<std::vector<PeersJsonMember>> DecodePeersJson(
    absl::string_view text);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_PEERS_JSON_H_
