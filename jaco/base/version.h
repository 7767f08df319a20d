#ifndef JACO_BASE_VERSION_H_
#define JACO_BASE_VERSION_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace jaco {

// What `jaco version`, `jacod --version` and GET /v1/version say.
inline constexpr absl::string_view kVersion = "0.1.0-dev";

// What this build can do that older ones cannot; see fsm/feature.h. It rises
// with every feature there.
inline constexpr uint32_t kFeatureLevel = 1;

}  // namespace jaco

#endif  // JACO_BASE_VERSION_H_
