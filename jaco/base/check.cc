#include "jaco/base/check.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace jaco::internal {

void CheckFailed(const char* file, int line, const char* condition,
                 absl::string_view detail) {
  std::string text =
      absl::StrCat(file, ":", line, ": check failed: ", condition,
                   detail.empty() ? "" : ": ", detail, "\n");
  std::fputs(text.c_str(), stderr);
  std::abort();
}

}  // namespace jaco::internal
