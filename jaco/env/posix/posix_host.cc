#include "jaco/env/posix/posix_host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <tuple>

#include "absl/strings/strip.h"

namespace jaco::env {
namespace {

struct FreeInterfaces {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

// RFC 1918, loopback and link-local.
bool IsPrivate(const in_addr& address) {
  const uint32_t ip = ntohl(address.s_addr);
  return ip >> 24 == 10 || ip >> 24 == 127 || ip >> 20 == 0xac1 ||
         ip >> 16 == 0xc0a8 || ip >> 16 == 0xa9fe;
}

// Loopback, link-local, and fc00::/7.
bool IsPrivate(const in6_addr& address) {
  return IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_LINKLOCAL(&address) ||
         (address.s6_addr[0] & 0xfe) == 0xfc;
}

// An address that `entry` has, if it is one of IP.
bool Read(const ifaddrs& entry, HostAddress* out) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* ip = nullptr;
  out->interface = entry.ifa_name;
  if (entry.ifa_addr->sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr);
    out->is_private = IsPrivate(v4->sin_addr);
    ip = &v4->sin_addr;
  } else if (entry.ifa_addr->sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr);
    out->ipv6 = true;
    out->is_private = IsPrivate(v6->sin6_addr);
    ip = &v6->sin6_addr;
  } else {
    return false;
  }
  if (inet_ntop(entry.ifa_addr->sa_family, ip, text, sizeof(text)) == nullptr) {
    return false;
  }
  out->address = text;
  return true;
}

std::vector<HostAddress> Addresses() {
  std::vector<HostAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, FreeInterfaces> owner(list);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    HostAddress address;
    if (Read(*at, &address)) addresses.push_back(std::move(address));
  }
  std::sort(addresses.begin(), addresses.end(),
            [](const HostAddress& a, const HostAddress& b) {
              return std::tie(a.interface, a.address) <
                     std::tie(b.interface, b.address);
            });
  return addresses;
}

// os-release(5).
std::string OsVersion() {
  std::ifstream file("/etc/os-release");
  std::string line;
  while (std::getline(file, line)) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "PRETTY_NAME=")) continue;
    absl::ConsumePrefix(&rest, "\"");
    absl::ConsumeSuffix(&rest, "\"");
    return std::string(rest);
  }
  return "Linux";
}

}  // namespace

HostFacts PosixHost::Facts(absl::string_view path) {
  HostFacts facts;
  facts.cores = static_cast<uint32_t>(
      std::max<long>(0, sysconf(_SC_NPROCESSORS_ONLN)));  // NOLINT
  struct sysinfo info = {};
  if (sysinfo(&info) == 0) {
    facts.memory_bytes = uint64_t{info.totalram} * info.mem_unit;
    facts.uptime_seconds = static_cast<uint64_t>(info.uptime);
  }
  facts.os_version = OsVersion();
  facts.addresses = Addresses();
  struct statvfs files = {};
  if (statvfs(std::string(path).c_str(), &files) == 0) {
    facts.storage_bytes = uint64_t{files.f_blocks} * files.f_frsize;
  }
  return facts;
}

}  // namespace jaco::env
