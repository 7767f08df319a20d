// The newest lines of the log of one server, for GET /v1/agent/monitor.

#ifndef JACO_NET_SANSIO_LOG_TAIL_H_
#define JACO_NET_SANSIO_LOG_TAIL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jaco/base/logger.h"

namespace jaco::net {

struct LogLine {
  uint64_t number = 0;  // ascending, from 2 on, of all levels
  LogLevel level = LogLevel::kInfo;
  std::string text;  // printable ASCII
};

struct LogRequest {
  // Lines behind this number, the oldest first; 0: the newest lines.
  uint64_t after = 0;
  LogLevel least = LogLevel::kInfo;
  size_t limit = 0;
};

struct LogPage {
  std::string run;  // another one after a restart: numbers begin anew
  std::vector<LogLine> lines;
  uint64_t next = 1;  // what `after` has to be for those behind these; not 0
  uint64_t lost = 0;  // lines behind `after`, of all levels, that are gone
  bool more = false;  // there are more already
};

class LogTail {
 public:
  virtual ~LogTail() = default;

  // Loop thread.
  virtual LogPage Read(const LogRequest& request) = 0;
};

// {"run", "lines": [{"number", "level", "line"}], "next", "lost", "more"}.
std::string EncodeLogPage(const LogPage& page);
// kInternal when `body` is no such page.
absl::StatusOr<LogPage> DecodeLogPage(absl::string_view body);

// Of a whole target: ?after=&log_level=&limit=. validation_failed.
absl::StatusOr<LogRequest> ReadLogRequest(absl::string_view target);

inline constexpr size_t kLogLinesDefault = 100;
inline constexpr size_t kLogLinesMax = 1'000;

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_LOG_TAIL_H_
