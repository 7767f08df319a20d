// std::string_view and absl::Now() in a comment are no code,
/* nor is
   std::random_device here. */
#include <vector>

#include "absl/status/status.h"
#include "jaco/base/check.h"
#include "jaco/raft/types.h"

const char* kText = "std::random_device \" absl::Now()";
const int kMany = 1'000'000;
