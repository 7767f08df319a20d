#include "jaco/cmd/cli_follow.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "jaco/base/error.h"
#include "jaco/cmd/interruption.h"

namespace jaco::cmd {
namespace {

// What a server, or the way to it, may get over.
constexpr ErrorCode kPassing[] = {ErrorCode::kNoLeader, ErrorCode::kQuorumLost,
                                  ErrorCode::kTimeout, ErrorCode::kRateLimited};

bool MayPass(const CliSession::Outcome& outcome) {
  return outcome.unreachable ||
         std::any_of(std::begin(kPassing), std::end(kPassing),
                     [&](ErrorCode code) {
                       return outcome.error->code == ErrorCodeName(code);
                     });
}

std::string WhatIsWaitedFor(const net::ApiError& error) {
  const bool leaderless = error.code == ErrorCodeName(ErrorCode::kNoLeader) ||
                          error.code == ErrorCodeName(ErrorCode::kQuorumLost);
  return absl::StrCat(leaderless ? "no leader" : error.message, ", retrying\n");
}

}  // namespace

Follower::Follower(CliSession* session) : session_(session) {
  EndWellWhenInterrupted();
}

std::optional<std::string> Follower::Ask(const std::string& target) {
  while (true) {
    auto outcome = reached_ ? session_->Call({"GET", target})
                            : session_->CallLeader({"GET", target});
    if (!outcome.error) {
      reached_ = true;
      said_.clear();
      return std::move(outcome.body);
    }
    if (!reached_ || !MayPass(outcome)) {
      session_->Fail(*outcome.error);
      return std::nullopt;
    }
    const std::string waits = WhatIsWaitedFor(*outcome.error);
    if (std::exchange(said_, waits) != waits) {
      WriteWhole(*session_->world().err, waits);
    }
    Pause();
  }
}

void Follower::Pause() const { absl::SleepFor(session_->world().follow_every); }

}  // namespace jaco::cmd
