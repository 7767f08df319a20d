// Input: a configuration file.

#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/cmd/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config = jaco::cmd::ParseConfig(
      absl::string_view(reinterpret_cast<const char*>(data), size), "file");
  JACO_CHECK(config.ok() ||
             absl::StartsWith(config.status().message(), "file:"));
  return 0;
}
