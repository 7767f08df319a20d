// The name by which servers know each other, in the certificate's subject
// alternative names:
//
//   spiffe://<cluster id>/node/<node id, decimal>/<node name>

#ifndef JACO_NET_PKI_NODE_URI_H_
#define JACO_NET_PKI_NODE_URI_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/env/pki.h"

namespace jaco::net {

inline constexpr size_t kClusterIdBytesMax = 64;
inline constexpr size_t kNodeNameBytesMax = 128;
inline constexpr size_t kHostsMax = 16;
inline constexpr size_t kHostBytesMax = 253;

// validation_failed, naming the part, for names that FormatNodeUri and a
// certificate cannot carry: an empty or too long one, characters beyond
// [A-Za-z0-9._-] (a node name may also have @ and :), node id 0.
absl::Status CheckNodeNames(const env::NodeNames& names);

// The URI of `names`, which CheckNodeNames accepts.
std::string FormatNodeUri(const env::NodeNames& names);

// The inverse, without hosts. validation_failed for anything else.
absl::StatusOr<env::NodeNames> ParseNodeUri(absl::string_view uri);

}  // namespace jaco::net

#endif  // JACO_NET_PKI_NODE_URI_H_
