#include "jaco/cmd/log_ring.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "jaco/base/log_level.h"
#include "jaco/cmd/printable.h"

namespace jaco::cmd {
namespace {

size_t NumberOf(LogLevel level) { return static_cast<size_t>(level); }

}  // namespace

bool LogRing::IsWanted(LogLevel level) const {
  // A wish for a level is one for all above it.
  for (size_t i = 0; i <= NumberOf(level); ++i) {
    const int64_t until = wanted_until_[i].load(std::memory_order_relaxed);
    if (until > 0 && clock_->Now().nanoseconds() < until) return true;
  }
  return false;
}

bool LogRing::Enabled(LogLevel level) const {
  return next_->Enabled(level) || IsWanted(level);
}

void LogRing::Write(LogLevel level, absl::string_view subsystem,
                    absl::string_view message) {
  if (!Enabled(level)) return;
  next_->Write(level, subsystem, message);
  Append(level,
         absl::StrCat(absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ",
                                       clock_->WallNow(), absl::UTCTimeZone()),
                      " ", LogLevelColumn(level), " ", subsystem, ": ",
                      Printable(message.substr(0, kLineBytesMax))));
}

void LogRing::Append(LogLevel level, std::string text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  bytes_ += text.size();
  lines_.push_back({++last_, level, std::move(text)});
  while (lines_.size() > kLinesMax || bytes_ > kBytesMax) {
    bytes_ -= lines_.front().text.size();
    lines_.pop_front();
  }
}

net::LogPage LogRing::Read(const net::LogRequest& request) {
  wanted_until_[NumberOf(request.least)].store(
      (clock_->Now() + kWantedFor).nanoseconds(), std::memory_order_relaxed);
  const std::lock_guard<std::mutex> lock(mutex_);
  net::LogPage page;
  page.run = run_;
  page.next = last_;
  const uint64_t oldest = lines_.empty() ? last_ + 1 : lines_.front().number;
  if (request.after > 0 && request.after + 1 < oldest) {
    page.lost = oldest - request.after - 1;
  }
  auto line = lines_.begin();
  if (request.after >= oldest) {
    line += static_cast<ptrdiff_t>(
        std::min<uint64_t>(request.after - oldest + 1, lines_.size()));
  }
  std::deque<const net::LogLine*> fit;
  for (; line != lines_.end(); ++line) {
    if (line->level < request.least) continue;
    if (fit.size() == request.limit && request.after > 0) {
      page.more = true;
      page.next = fit.back()->number;
      break;
    }
    if (fit.size() == request.limit) fit.pop_front();
    fit.push_back(&*line);
  }
  for (const net::LogLine* kept : fit) page.lines.push_back(*kept);
  return page;
}

}  // namespace jaco::cmd
