#include "jaco/net/sansio/json_fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jaco/base/error.h"

namespace jaco::net {
namespace {

namespace json = boost::json;

// No message of the API nests deeper than 4.
constexpr size_t kDepthMax = 8;
constexpr absl::string_view kFieldPayload = "jaco/field";

// Long or binary keys would make a mess of a message.
std::string Shown(absl::string_view text) {
  constexpr size_t kShownMax = 64;
  return absl::StrCat(absl::Utf8SafeCHexEscape(text.substr(0, kShownMax)),
                      text.size() > kShownMax ? "..." : "");
}

}  // namespace

json::string TimeText(absl::Time time) {
  return Text(
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone()));
}

absl::StatusOr<json::object> ParseObject(absl::string_view body) {
  if (body.empty()) return json::object();
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  json::value value = json::parse(Json(body), error, {}, options);
  if (error) {
    return MakeError(ErrorCode::kParseFailed,
                     absl::StrCat("invalid JSON: ", error.message()));
  }
  if (!value.is_object()) {
    return MakeError(ErrorCode::kValidationFailed, "not a JSON object");
  }
  return std::move(value.get_object());
}

absl::Status CheckKeys(const json::object& object,
                       std::initializer_list<absl::string_view> known) {
  for (const auto& entry : object) {
    const absl::string_view key = View(entry.key());
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return FieldError(Shown(key), absl::StrCat("unknown field \"", Shown(key),
                                               "\"; known are: ",
                                               absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

absl::Status ReadString(const json::object& object, absl::string_view key,
                        std::string* out) {
  const json::value* value = object.if_contains(Json(key));
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_string()) {
    return FieldError(key, absl::StrCat("\"", key, "\" must be a string"));
  }
  *out = std::string(View(value->get_string()));
  return absl::OkStatus();
}

absl::Status ReadBool(const json::object& object, absl::string_view key,
                      bool* out) {
  const json::value* value = object.if_contains(Json(key));
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_bool()) {
    return FieldError(key, absl::StrCat("\"", key, "\" must be a boolean"));
  }
  *out = value->get_bool();
  return absl::OkStatus();
}

absl::Status ReadNumber(const json::object& object, absl::string_view key,
                        uint64_t* out) {
  const json::value* value = object.if_contains(Json(key));
  if (value == nullptr) return absl::OkStatus();
  json::error_code error;
  if (value->is_int64() || value->is_uint64()) {
    *out = value->to_number<uint64_t>(error);
    if (!error) return absl::OkStatus();
  }
  return FieldError(key, absl::StrCat("\"", key,
                                      "\" must be a whole number, 0 "
                                      "or above"));
}

absl::Status FieldError(absl::string_view field, absl::string_view message) {
  absl::Status status = MakeError(ErrorCode::kValidationFailed, message);
  status.SetPayload(kFieldPayload, absl::Cord(field));
  return status;
}

std::string FieldOf(const absl::Status& status) {
  const auto field = status.GetPayload(kFieldPayload);
  return field ? std::string(*field) : "";
}

std::string ResponseReader::String(absl::string_view key) {
  const json::value* value = Find(key);
  if (value != nullptr && value->is_string()) {
    return std::string(View(value->get_string()));
  }
  ok_ = false;
  return "";
}

bool ResponseReader::Bool(absl::string_view key) {
  const json::value* value = Find(key);
  if (value != nullptr && value->is_bool()) return value->get_bool();
  ok_ = false;
  return false;
}

uint64_t ResponseReader::Number(absl::string_view key) {
  const json::value* value = Find(key);
  if (value != nullptr && value->is_number()) {
    json::error_code error;
    const auto number = value->to_number<uint64_t>(error);
    if (!error) return number;
  }
  ok_ = false;
  return 0;
}

absl::Time ResponseReader::Time(absl::string_view key) {
  const json::value* value = Find(key);
  if (value != nullptr && value->is_null()) return absl::InfiniteFuture();
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, String(key), &time, &error)) {
    ok_ = false;
  }
  return time;
}

}  // namespace jaco::net
