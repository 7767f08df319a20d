// libFuzzer's entry: what the decoder accepts is exactly what the encoder makes
// of the result.

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/server/forward_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace server = jaco::server;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = server::DecodeForward(bytes); message.ok()) {
    JACO_CHECK(server::IsForwardFrame(bytes));
    JACO_CHECK(server::EncodeForward(*message) == bytes);
  }
  return 0;
}
