#ifndef JACO_NET_SANSIO_SOURCE_H_
#define JACO_NET_SANSIO_SOURCE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace jaco::net {

// What clients at the IP address `address` are counted as: that address or, of
// IPv6, where each may have 2^64 of them, its network, as "2001:db8:0:1::/64".
// Anything else is returned as it is.
std::string SourceOf(absl::string_view address);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_SOURCE_H_
