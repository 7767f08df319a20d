#include "jaco/server/api.h"

#include "absl/strings/string_view.h"

namespace jaco::server {

absl::string_view LifecycleName(Lifecycle lifecycle) {
  switch (lifecycle) {
    case Lifecycle::kStarting:
      return "starting";
    case Lifecycle::kUninitialized:
      return "uninitialized";
    case Lifecycle::kCreating:
      return "creating";
    case Lifecycle::kJoining:
      return "joining";
    case Lifecycle::kRecovering:
      return "recovering";
    case Lifecycle::kMember:
      return "member";
    case Lifecycle::kRemoved:
      return "removed";
    case Lifecycle::kFailed:
      return "failed";
  }
  return "failed";
}

}  // namespace jaco::server
