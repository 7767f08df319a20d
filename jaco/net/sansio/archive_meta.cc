#include "jaco/net/sansio/archive_meta.h"

#include <boost/json.hpp>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"

namespace jaco::net {
namespace {

namespace json = boost::json;

constexpr uint64_t kSchemaVersion = 1;
constexpr size_t kMetaBytesMax = 16 << 10;
constexpr size_t kDepthMax = 4;

absl::Status Damaged(absl::string_view what) {
  return MakeError(ErrorCode::kDataLoss,
                   absl::StrCat("meta.json: ", what, " is not there"));
}

json::string_view Json(absl::string_view text) {
  return json::string_view(text.data(), text.size());
}

// Reads fields of one object, and remembers the first that is not there.
class Fields {
 public:
  explicit Fields(const json::object& object) : object_(object) {}

  uint64_t Number(absl::string_view name) {
    const json::value* const value = object_.if_contains(Json(name));
    if (value != nullptr && value->is_int64() && value->get_int64() >= 0) {
      return static_cast<uint64_t>(value->get_int64());
    }
    if (value != nullptr && value->is_uint64()) return value->get_uint64();
    return Miss(name), 0;
  }
  std::string Text(absl::string_view name) {
    const json::value* const value = object_.if_contains(Json(name));
    if (value != nullptr && value->is_string()) {
      const json::string& text = value->get_string();
      return std::string(text.data(), text.size());
    }
    return Miss(name), "";
  }
  absl::Time Time(absl::string_view name) {
    absl::Time time;
    std::string ignored;
    if (!absl::ParseTime(absl::RFC3339_full, Text(name), &time, &ignored)) {
      Miss(name);
    }
    return time;
  }
  const absl::Status& status() const { return status_; }

 private:
  void Miss(absl::string_view name) {
    if (status_.ok()) status_ = Damaged(name);
  }

  const json::object& object_;
  absl::Status status_;
};

}  // namespace

std::string ArchiveIdOf(const ArchiveMeta& meta) {
  return absl::StrCat(meta.term, "-", meta.index, "-",
                      absl::ToUnixMillis(meta.taken_at));
}

std::string EncodeArchiveMeta(const ArchiveMeta& meta) {
  json::object object;
  object["Version"] = 1;
  object["ID"] = json::string(ArchiveIdOf(meta));
  object["Index"] = meta.index;
  object["Term"] = meta.term;
  object["Size"] = meta.size;
  object["schema_version"] = kSchemaVersion;
  object["cluster_id"] = json::string(meta.cluster_id);
  object["cluster_name"] = json::string(meta.cluster_name);
  object["node_name"] = json::string(meta.node_name);
  object["jaco_version"] = json::string(meta.jaco_version);
  object["taken_at"] = json::string(absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E3SZ", meta.taken_at, absl::UTCTimeZone()));
  return json::serialize(object);
}

absl::StatusOr<ArchiveMeta> DecodeArchiveMeta(absl::string_view text) {
  // A tree of JSON takes many times the bytes of its text.
  if (text.size() > kMetaBytesMax) {
    return MakeError(
        ErrorCode::kTooLarge,
        absl::StrCat("meta.json: ", text.size(), " bytes are too many"));
  }
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  const json::value value = json::parse(Json(text), error, {}, options);
  if (error || !value.is_object()) return Damaged("an object");
  Fields fields(value.get_object());
  const uint64_t version = fields.Number("schema_version");
  if (fields.status().ok() && version != kSchemaVersion) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("meta.json: schema_version ", version,
                                  "; this build knows only ", kSchemaVersion));
  }
  ArchiveMeta meta;
  meta.index = fields.Number("Index");
  meta.term = fields.Number("Term");
  meta.size = fields.Number("Size");
  meta.cluster_id = fields.Text("cluster_id");
  meta.cluster_name = fields.Text("cluster_name");
  meta.node_name = fields.Text("node_name");
  meta.jaco_version = fields.Text("jaco_version");
  meta.taken_at = fields.Time("taken_at");
  if (!fields.status().ok()) return fields.status();
  return meta;
}

}  // namespace jaco::net
