// Reading and writing single fields of the API's JSON, shared by the files that
// know the messages.

#ifndef JACO_NET_SANSIO_JSON_FIELDS_H_
#define JACO_NET_SANSIO_JSON_FIELDS_H_

#include <boost/json.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace jaco::net {

// boost's string_view is another type than ours.
inline boost::json::string_view Json(absl::string_view text) {
  return {text.data(), text.size()};
}
inline absl::string_view View(boost::json::string_view text) {
  return {text.data(), text.size()};
}
inline boost::json::string Text(absl::string_view text) {
  return boost::json::string(Json(text));
}
// RFC 3339 in UTC.
boost::json::string TimeText(absl::Time time);

// ---- Requests.

// parse_failed, validation_failed; an empty body is an empty object.
absl::StatusOr<boost::json::object> ParseObject(absl::string_view body);
// validation_failed for a key that is not among the known.
absl::Status CheckKeys(const boost::json::object& object,
                       std::initializer_list<absl::string_view> known);
// A field that is absent leaves `out` as it is; validation_failed when it is of
// another type.
absl::Status ReadString(const boost::json::object& object,
                        absl::string_view key, std::string* out);
absl::Status ReadBool(const boost::json::object& object, absl::string_view key,
                      bool* out);
absl::Status ReadNumber(const boost::json::object& object,
                        absl::string_view key, uint64_t* out);

// validation_failed about one field of a request, which EncodeError shows as
// details.field.
absl::Status FieldError(absl::string_view field, absl::string_view message);
// That field; empty when the error is about none.
std::string FieldOf(const absl::Status& status);

// ---- Responses.

// Fields that are absent or of another type keep their defaults, and `ok` tells
// whether the required ones were there.
class ResponseReader {
 public:
  // `object` is borrowed.
  explicit ResponseReader(const boost::json::object& object)
      : object_(object) {}

  std::string String(absl::string_view key);
  bool Bool(absl::string_view key);
  uint64_t Number(absl::string_view key);
  // null reads as the infinite future.
  absl::Time Time(absl::string_view key);
  template <typename Function>
  void Objects(absl::string_view key, Function function) {
    const boost::json::value* value = Find(key);
    if (value == nullptr || !value->is_array()) {
      ok_ = false;
      return;
    }
    for (const boost::json::value& element : value->get_array()) {
      if (!element.is_object()) {
        ok_ = false;
        return;
      }
      ResponseReader reader(element.get_object());
      function(reader);
      ok_ = ok_ && reader.ok_;
    }
  }
  // The texts of an object, in its order.
  template <typename Function>
  void Texts(absl::string_view key, Function function) {
    const boost::json::value* value = Find(key);
    if (value == nullptr || !value->is_object()) {
      ok_ = false;
      return;
    }
    for (const auto& entry : value->get_object()) {
      if (!entry.value().is_string()) {
        ok_ = false;
        return;
      }
      function(View(entry.key()), View(entry.value().get_string()));
    }
  }
  bool ok() const { return ok_; }

 private:
  const boost::json::value* Find(absl::string_view key) const {
    return object_.if_contains(Json(key));
  }
  const boost::json::object& object_;
  bool ok_ = true;
};

// kInternal when `body` is no object, or `read` missed something.
template <typename Response, typename Read>
absl::StatusOr<Response> DecodeResponse(absl::string_view body, Read read) {
  const auto object = ParseObject(body);
  if (!object.ok()) return absl::InternalError("the answer is not JSON");
  ResponseReader reader(*object);
  Response response = read(reader);
  if (!reader.ok()) {
    return absl::InternalError("the answer lacks what was asked for");
  }
  return response;
}

}  // namespace jaco::net

#endif  // JACO_NET_SANSIO_JSON_FIELDS_H_
