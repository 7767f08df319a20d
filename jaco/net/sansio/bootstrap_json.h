// server::BootstrapApi as the JSON of Redis Enterprise, whose clients know it.

#ifndef JACO_NET_SANSIO_BOOTSTRAP_JSON_H_
#define JACO_NET_SANSIO_BOOTSTRAP_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/server/api.h"
#include "jaco/server/bootstrap_api.h"

namespace jaco::net {

// The configuration of an action. `action` is the path's, with which the
// body's, if it has one, has to agree. What nobody knows is ignored, and so is
// null; what the documents know is checked, also where jaco has no use for it.
// parse_failed, validation_failed.
absl::StatusOr<server::BootstrapRequest> DecodeBootstrapRequest(
    server::BootstrapAction action, absl::string_view body);
std::string EncodeBootstrapRequest(const server::BootstrapRequest& request);

std::string EncodeBootstrapReport(const server::BootstrapReport& report);
// What of it tells how far an action is.
absl::StatusOr<server::BootstrapStatus> DecodeBootstrapReport(
    absl::string_view body);
// The bootstrap_status alone, of a request that would fail.
std::string EncodeBootstrapFailure(const absl::Status& status);
// Our error, with the fields of a bootstrap_status.
std::string EncodeBootstrapError(const absl::Status& status);

// The nodes of a member: an array, with Redis' fields and ours.
std::string EncodeNodes(const server::StatusResponse& status);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_BOOTSTRAP_JSON_H_
