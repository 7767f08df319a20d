#ifndef JACO_CMD_HOST_ADDRESS_H_
#define JACO_CMD_HOST_ADDRESS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace jaco::cmd {

// The name of this host; "localhost" when it has none.
std::string HostName();

// The IPv4 addresses of the interfaces that are up: (interface, address).
using InterfaceAddresses = std::vector<std::pair<std::string, std::string>>;
InterfaceAddresses ListInterfaceAddresses();

// The host under which other servers reach this one: `host`, unless that is the
// unspecified address; then a private IPv4 of an interface that leads out
// (first by interface name, then address), else loopback.
std::string AdvertisedHost(absl::string_view host,
                           InterfaceAddresses interfaces);

// Whether `host` is a numeric address; only one can be listened on.
bool IsAddress(const std::string& host);
// Whether it is one that nobody but this host reaches.
bool IsLoopbackAddress(const std::string& host);

// What a certificate of this host is to be valid for: those of `hosts` that are
// real, every address of an interface that leads out when one of them is
// unspecified, and loopback. Each once, as a certificate spells it, `max` at
// most, loopback included.
std::vector<std::string> CertificateHosts(const std::vector<std::string>& hosts,
                                          const InterfaceAddresses& interfaces,
                                          size_t max);

}  // namespace jaco::cmd

#endif  // JACO_CMD_HOST_ADDRESS_H_
