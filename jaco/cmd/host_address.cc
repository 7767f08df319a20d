#include "jaco/cmd/host_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "absl/strings/match.h"

namespace jaco::cmd {
namespace {

bool InRange(uint32_t address, uint32_t network, int bits) {
  return (address >> (32 - bits)) == (network >> (32 - bits));
}

// RFC 1918.
bool IsPrivate(const std::string& text) {
  in_addr parsed = {};
  if (inet_pton(AF_INET, text.c_str(), &parsed) != 1) return false;
  const uint32_t address = ntohl(parsed.s_addr);
  return InRange(address, 0x0a000000, 8) || InRange(address, 0xac100000, 12) ||
         InRange(address, 0xc0a80000, 16);
}

// Of an address the one spelling that is read back from a certificate.
std::string Canonical(const std::string& host) {
  for (const int family : {AF_INET, AF_INET6}) {
    in6_addr address = {};  // there is room for either
    char text[INET6_ADDRSTRLEN] = {};
    if (inet_pton(family, host.c_str(), &address) == 1 &&
        inet_ntop(family, &address, text, sizeof(text)) != nullptr) {
      return text;
    }
  }
  return host;
}

bool IsUnspecified(const std::string& host) {
  const std::string canonical = Canonical(host);
  return canonical == "0.0.0.0" || canonical == "::";
}

// Bridges of container engines and the like: private to this host.
bool StaysInside(absl::string_view interface) {
  for (const char* prefix : {"docker", "br-", "veth", "virbr", "lo"}) {
    if (absl::StartsWith(interface, prefix)) return true;
  }
  return false;
}

}  // namespace

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') {
    return "localhost";
  }
  return name;
}

InterfaceAddresses ListInterfaceAddresses() {
  InterfaceAddresses found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0 ||
        entry->ifa_addr->sa_family != AF_INET) {
      continue;
    }
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
    found.emplace_back(entry->ifa_name, text);
  }
  freeifaddrs(list);
  return found;
}

bool IsAddress(const std::string& host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

bool IsLoopbackAddress(const std::string& host) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

std::vector<std::string> CertificateHosts(const std::vector<std::string>& hosts,
                                          const InterfaceAddresses& interfaces,
                                          size_t max) {
  std::vector<std::string> result = {"localhost", "127.0.0.1", "::1"};
  const auto add = [&result, max](const std::string& spelled) {
    const std::string host = Canonical(spelled);
    const bool known =
        std::find(result.begin(), result.end(), host) != result.end();
    if (!known && result.size() < max) result.push_back(host);
  };
  for (const std::string& host : hosts) {
    if (!IsUnspecified(host)) add(host);
  }
  if (std::any_of(hosts.begin(), hosts.end(), IsUnspecified)) {
    for (const auto& [interface, address] : interfaces) {
      if (!StaysInside(interface)) add(address);
    }
  }
  return result;
}

std::string AdvertisedHost(absl::string_view host,
                           InterfaceAddresses interfaces) {
  if (!IsUnspecified(std::string(host))) return std::string(host);
  std::sort(interfaces.begin(), interfaces.end());
  for (const auto& [interface, address] : interfaces) {
    if (!StaysInside(interface) && IsPrivate(address)) return address;
  }
  return "127.0.0.1";
}

}  // namespace jaco::cmd
