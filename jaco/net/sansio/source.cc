#include "jaco/net/sansio/source.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace jaco::net {

std::string SourceOf(absl::string_view address) {
  // Of link-local ones: "fe80::1%eth0".
  const absl::string_view zone =
      address.substr(std::min(address.find('%'), address.size()));
  const std::string plain(address.substr(0, address.size() - zone.size()));
  in6_addr bytes;
  if (inet_pton(AF_INET6, plain.c_str(), &bytes) != 1) {
    return std::string(address);
  }
  char text[INET6_ADDRSTRLEN];
  if (IN6_IS_ADDR_V4MAPPED(&bytes)) {
    return inet_ntop(AF_INET, &bytes.s6_addr[12], text, sizeof(text));
  }
  std::fill(bytes.s6_addr + 8, bytes.s6_addr + 16, 0);
  inet_ntop(AF_INET6, &bytes, text, sizeof(text));
  return absl::StrCat(text, "/64", zone);
}

}  // namespace jaco::net
