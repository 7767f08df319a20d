#include "jaco/net/sansio/counted_log.h"

#include "absl/strings/str_cat.h"

namespace jaco::net {

void CountedLog::Write(Instant now, absl::string_view message) {
  ++count_;
  if (said_ && now - said_at_ < pause_) {
    ++unsaid_;
    return;
  }
  logger_->Write(level_, subsystem_,
                 unsaid_ == 0
                     ? std::string(message)
                     : absl::StrCat(message, " (and ", unsaid_, " before)"));
  said_ = true;
  said_at_ = now;
  unsaid_ = 0;
}

}  // namespace jaco::net
