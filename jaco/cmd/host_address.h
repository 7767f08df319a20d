#ifndef JACO_CMD_HOST_ADDRESS_H_
#define JACO_CMD_HOST_ADDRESS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace jaco::cmd {

// The IPv4 addresses of the interfaces that are up: (interface, address).
using InterfaceAddresses = std::vector<std::pair<std::string, std::string>>;
InterfaceAddresses ListInterfaceAddresses();

// The host under which other servers reach this one: `host`, unless that is the
// unspecified address; then a private IPv4 of an interface that leads out
// (first by interface name, then address), else loopback.
std::string AdvertisedHost(absl::string_view host,
                           InterfaceAddresses interfaces);

}  // namespace jaco::cmd

#endif  // JACO_CMD_HOST_ADDRESS_H_
