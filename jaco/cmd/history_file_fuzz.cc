// Input: a history of operator tokens.

#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "jaco/base/check.h"
#include "jaco/cmd/history_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto history = jaco::sim::ParseHistory(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!history.ok()) {
    JACO_CHECK(absl::StartsWith(history.status().message(), "line "));
    return 0;
  }
  const auto violation = jaco::sim::CheckHistory(*history);
  if (violation.has_value()) {
    JACO_CHECK(jaco::sim::Offenders(*history, *violation, 3).size() <= 3);
  }
  return 0;
}
