#ifndef JACO_NET_SANSIO_FAILURE_LIMITER_H_
#define JACO_NET_SANSIO_FAILURE_LIMITER_H_

#include <cstdint>
#include <list>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "jaco/base/time.h"

namespace jaco::net {

struct FailureLimits {
  int64_t burst = 10;              // failures at once
  Duration recovery = Seconds(1);  // until one more is allowed
  size_t sources_max = 4096;       // remembered; the longest silent goes
};

// How often each source of requests may fail to say who it is. A source that
// has used up its failures is refused unheard until one has recovered.
class FailureLimiter {
 public:
  explicit FailureLimiter(FailureLimits limits = {}) : limits_(limits) {}

  // How long `source` has to wait from `now`; 0: it may try.
  Duration Wait(absl::string_view source, Instant now) const;
  void OnFailure(absl::string_view source, Instant now);

 private:
  struct Source {
    std::string name;
    // When all its failures have recovered.
    Instant clear_at;
  };
  using Sources = std::list<Source>;  // the latest failure last

  const FailureLimits limits_;
  Sources sources_;
  std::map<absl::string_view, Sources::iterator> by_name_;
};

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_FAILURE_LIMITER_H_
