// Input: the file of a server that waits for a cluster, a hello, or a record
// whose checksum is right.

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/server/bootstrap_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jaco::server;  // NOLINT
  (void)DecodeBootstrapRecord({reinterpret_cast<const char*>(data), size});
  HelloRequest request;
  if (request.ParseFromArray(data, static_cast<int>(size)) &&
      ValidateHello(request).ok()) {
    FounderVote vote;
    JACO_CHECK(Accept(request.ballot(), request.founder(), &vote));
  }
  BootstrapRecord record;
  if (record.ParseFromArray(data, static_cast<int>(size))) {
    const auto again = DecodeBootstrapRecord(EncodeBootstrapRecord(record));
    JACO_CHECK(again.ok() == (record.server_id() != 0));
  }
  return 0;
}
