// The names of nodes in certificates and requests. Internal to net.

#ifndef JACO_NET_PKI_NAMES_H_
#define JACO_NET_PKI_NAMES_H_

#include <openssl/x509.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jaco/env/pki.h"
#include "jaco/net/pki/openssl_handles.h"

namespace jaco::net {

// As the value of a subjectAltName extension. `names` passes CheckNodeNames.
GeneralNamesPtr ToGeneralNames(const env::NodeNames& names);

// The inverse. validation_failed when there is not exactly one node URI, or
// when there are names of any other kind.
absl::StatusOr<env::NodeNames> FromGeneralNames(const GENERAL_NAMES* names);

// Those of a certificate; it may come from anybody.
absl::StatusOr<env::NodeNames> NamesOf(const X509* certificate);

}  // namespace jaco::net

#endif  // JACO_NET_PKI_NAMES_H_
