#include "jaco/net/sansio/log_tail.h"

#include <boost/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/log_level.h"
#include "jaco/net/sansio/json_fields.h"
#include "jaco/net/sansio/query.h"

namespace jaco::net {

namespace json = boost::json;

std::string EncodeLogPage(const LogPage& page) {
  json::array lines;
  for (const LogLine& line : page.lines) {
    lines.push_back(json::object{{"number", line.number},
                                 {"level", Text(LogLevelName(line.level))},
                                 {"line", Text(line.text)}});
  }
  return json::serialize(json::object{{"run", Text(page.run)},
                                      {"lines", std::move(lines)},
                                      {"next", page.next},
                                      {"lost", page.lost},
                                      {"more", page.more}});
}

absl::StatusOr<LogPage> DecodeLogPage(absl::string_view body) {
  return DecodeResponse<LogPage>(body, [](ResponseReader& reader) {
    LogPage page;
    page.run = reader.String("run");
    reader.Objects("lines", [&](ResponseReader& line) {
      const auto level = LogLevelOf(line.String("level"));
      page.lines.push_back({line.Number("number"),
                            level.value_or(LogLevel::kError),
                            line.String("line")});
    });
    page.next = reader.Number("next");
    page.lost = reader.Number("lost");
    page.more = reader.Bool("more");
    return page;
  });
}

absl::StatusOr<LogRequest> ReadLogRequest(absl::string_view target) {
  const auto query = Query::Of(target);
  if (!query.ok()) return query.status();
  const auto after = query->Number("after");
  if (!after.ok()) return after.status();
  const auto limit = query->Number("limit");
  if (!limit.ok()) return limit.status();
  LogRequest request{.after = after->value_or(0),
                     .limit = limit->value_or(kLogLinesDefault)};
  if (request.limit < 1 || request.limit > kLogLinesMax) {
    return FieldError("limit", absl::StrCat("the limit is 1 to ", kLogLinesMax,
                                            ", not ", request.limit));
  }
  const std::string name = query->First("log_level").value_or("info");
  const auto level = LogLevelOf(name);
  if (!level) {
    return FieldError("log_level",
                      absl::StrCat("Unknown log level: ",
                                   absl::CHexEscape(name.substr(0, 64)),
                                   "; known are: ", kLogLevelNames));
  }
  request.least = *level;
  return request;
}

}  // namespace jaco::net
