#include "jaco/net/sansio/counted_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace jaco::net {

bool CountedLog::Take(Instant now, absl::string_view kind) {
  const auto recent =
      std::find_if(said_.begin(), said_.end(),
                   [&](const Said& said) { return now - said.at < pause_; });
  said_.erase(said_.begin(), recent);
  const bool repeated =
      std::any_of(said_.begin(), said_.end(),
                  [kind](const Said& said) { return said.kind == kind; });
  if (repeated || said_.size() >= kKindsMax) return false;
  said_.push_back({std::string(kind), now});
  return true;
}

void CountedLog::Write(Instant now, absl::string_view kind,
                       absl::string_view message) {
  ++count_;
  if (!Take(now, kind)) {
    ++unsaid_;
    return;
  }
  logger_->Write(level_, subsystem_,
                 unsaid_ == 0
                     ? std::string(message)
                     : absl::StrCat(message, " (and ", unsaid_, " before)"));
  unsaid_ = 0;
}

}  // namespace jaco::net
