#ifndef JACO_ENV_HOST_H_
#define JACO_ENV_HOST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace jaco::env {

struct HostAddress {
  std::string address;    // numeric
  std::string interface;  // "eth0"
  bool ipv6 = false;
  bool is_private = false;  // of no use outside of the site
};

// For people who set a server up; nothing is decided by it.
struct HostFacts {
  uint32_t cores = 0;
  uint64_t memory_bytes = 0;
  std::string os_version;
  uint64_t uptime_seconds = 0;
  // Of interfaces that are up, by interface, then address.
  std::vector<HostAddress> addresses;
  uint64_t storage_bytes = 0;  // of the file system that was asked about
};

// The machine that a server runs on. Twins: PosixHost, SimHost.
class Host {
 public:
  virtual ~Host() = default;

  // What cannot be found out is 0 or empty. `path` says of which file system.
  // Blocking, any thread.
  virtual HostFacts Facts(absl::string_view path) = 0;
};

}  // namespace jaco::env

#endif  // JACO_ENV_HOST_H_
