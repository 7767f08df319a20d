#ifndef JACO_NET_SANSIO_HTTP_ERROR_H_
#define JACO_NET_SANSIO_HTTP_ERROR_H_

#include "absl/status/status.h"
#include "jaco/net/sansio/http_types.h"

namespace jaco::net {

// The JSON answer for an error, with the HTTP status of its code. `status` is
// not OK.
HttpResponse ErrorResponse(const absl::Status& status);

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_HTTP_ERROR_H_
