// What a server has of a cluster that it left, moved out of the way.

#ifndef JACO_SERVER_FORMER_DATA_H_
#define JACO_SERVER_FORMER_DATA_H_

#include <string>

#include "absl/status/status.h"
#include "jaco/env/file_system.h"

namespace jaco::server {

// Moves all that is in `path` of a cluster that this server left into
// `path`/former, in place of what is there; or, if it is not to `keep`, removes
// it. Once it has begun, it is finished when `path` is opened.
absl::Status SetDataAside(env::FileSystem& fs, const std::string& path,
                          bool keep);
// The first part of it, all that takes room: FinishSettingAside has to follow.
// After kResourceExhausted nothing has begun.
absl::Status BeginSettingAside(env::FileSystem& fs, const std::string& path,
                               bool keep);
// Finishes what was begun, if it was.
absl::Status FinishSettingAside(env::FileSystem& fs, const std::string& path);

}  // namespace jaco::server

#endif  // JACO_SERVER_FORMER_DATA_H_
