#ifndef JACO_SERVER_BOOTSTRAP_CHECK_H_
#define JACO_SERVER_BOOTSTRAP_CHECK_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jaco/server/bootstrap_api.h"

namespace jaco::server {

inline constexpr size_t kBootstrapNameBytesMax = 64;
inline constexpr size_t kBootstrapNodesMax = 64;
inline constexpr uint32_t kBootstrapRetriesMax = 10'000;

// Whether the request has what its action needs, in words that can be.
// validation_failed, naming the field as the JSON has it.
absl::Status CheckBootstrapRequest(const BootstrapRequest& request);

// A host name of RFC 1123, of at most kBootstrapNameBytesMax bytes.
bool IsHostName(absl::string_view name);

}  // namespace jaco::server

#endif  // JACO_SERVER_BOOTSTRAP_CHECK_H_
