#ifndef JACO_NET_SANSIO_HOST_PORT_H_
#define JACO_NET_SANSIO_HOST_PORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace jaco::net {

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  uint16_t port = 0;
};

// Reads "10.0.0.5:7001", "node-1:7001", "[::1]:7001". kInvalidArgument,
// naming `text`, for anything else, an empty host included.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view text);

// Where the API is, unless somebody says otherwise.
inline constexpr uint16_t kApiPort = 7000;

// host:port of an API, from that, from a host alone (kApiPort), or from either
// as an https:// URL. As ParseHostPort.
absl::StatusOr<std::string> ApiAddress(absl::string_view text);

// The inverse of ParseHostPort.
std::string JoinHostPort(absl::string_view host, uint16_t port);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_HOST_PORT_H_
