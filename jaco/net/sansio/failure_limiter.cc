#include "jaco/net/sansio/failure_limiter.h"

#include <algorithm>
#include <iterator>

namespace jaco::net {

// A bucket of `burst` failures that fills up by one every `recovery`: it is
// empty when its last drop would come in more than (burst - 1) * recovery.
Duration FailureLimiter::Wait(absl::string_view source, Instant now) const {
  const auto found = by_name_.find(source);
  if (found == by_name_.end()) return Duration();
  const Duration filling = found->second->clear_at - now;
  return std::max(Duration(), filling - limits_.recovery * (limits_.burst - 1));
}

void FailureLimiter::OnFailure(absl::string_view source, Instant now) {
  const auto found = by_name_.find(source);
  Instant clear_at = now;
  if (found != by_name_.end()) {
    clear_at = std::max(now, found->second->clear_at);
    sources_.splice(sources_.end(), sources_, found->second);
  } else {
    if (sources_.size() == limits_.sources_max) {
      by_name_.erase(sources_.front().name);
      sources_.pop_front();
    }
    sources_.push_back({std::string(source), now});
    by_name_.emplace(sources_.back().name, std::prev(sources_.end()));
  }
  sources_.back().clear_at = clear_at + limits_.recovery;
}

}  // namespace jaco::net
