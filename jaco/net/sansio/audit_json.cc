#include "jaco/net/sansio/audit_json.h"

#include <boost/json.hpp>
#include <utility>

#include "jaco/net/sansio/json_fields.h"

namespace jaco::net {
namespace {

namespace json = boost::json;

json::object EventValue(const server::AuditEventInfo& event) {
  json::object payload;
  for (const auto& [key, value] : event.payload) {
    payload[Json(key)] = Text(value);
  }
  return {{"index", event.index},
          {"type", Text(event.type)},
          {"ts", TimeText(event.time)},
          {"identity", Text(event.identity)},
          {"payload", std::move(payload)}};
}

json::array EventValues(absl::Span<const server::AuditEventInfo> events) {
  json::array values;
  for (const server::AuditEventInfo& event : events) {
    values.push_back(EventValue(event));
  }
  return values;
}

server::AuditEventInfo ReadEvent(ResponseReader& reader) {
  server::AuditEventInfo event;
  event.index = reader.Number("index");
  event.type = reader.String("type");
  event.time = reader.Time("ts");
  event.identity = reader.String("identity");
  reader.Texts("payload", [&](absl::string_view key, absl::string_view value) {
    event.payload.emplace_back(key, value);
  });
  return event;
}

}  // namespace

std::string EncodeAudit(const server::ListAuditResponse& response) {
  return json::serialize(json::object{{"events", EventValues(response.events)},
                                      {"index", response.index},
                                      {"next", response.next},
                                      {"more", response.more},
                                      {"oldest", response.oldest},
                                      {"gap", response.gap}});
}

absl::StatusOr<server::ListAuditResponse> DecodeAudit(absl::string_view body) {
  return DecodeResponse<server::ListAuditResponse>(
      body, [](ResponseReader& reader) {
        server::ListAuditResponse response;
        reader.Objects("events", [&](ResponseReader& event) {
          response.events.push_back(ReadEvent(event));
        });
        response.index = reader.Number("index");
        response.next = reader.Number("next");
        response.more = reader.Bool("more");
        response.oldest = reader.Number("oldest");
        response.gap = reader.Bool("gap");
        return response;
      });
}

std::string EncodeAuditEvent(const server::AuditEventInfo& event) {
  return json::serialize(EventValue(event));
}

std::string EncodeAuditEvents(absl::Span<const server::AuditEventInfo> events) {
  return json::serialize(EventValues(events));
}

}  // namespace jaco::net
