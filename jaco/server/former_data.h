// What a server has of a cluster that it left, moved out of the way.

#ifndef JACO_SERVER_FORMER_DATA_H_
#define JACO_SERVER_FORMER_DATA_H_

#include <string>

#include "absl/status/status.h"
#include "jaco/env/file_system.h"

namespace jaco::server {

// Finishes what SetDataAside began before a crash, if it did.
absl::Status FinishSettingAside(env::FileSystem& fs, const std::string& path);

}  // namespace jaco::server

#endif  // JACO_SERVER_FORMER_DATA_H_
