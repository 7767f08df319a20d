#include <chrono>
#include <vector>

#include "absl/time/clock.h"
#include "jaco/base/check.h"
#include "jaco/env/clock.h"
#include "jaco/raft/raft.pb.h"
#include "rocksdb/db.h"

namespace jaco {

absl::Time Wall() { return absl::Now(); }
std::string_view Name();

}  // namespace jaco
