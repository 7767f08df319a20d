#include "jaco/net/sansio/peers_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/net/sansio/host_port.h"

namespace jaco::net {
namespace {

namespace json = boost::json;

using Members = std::vector<PeersJsonMember>;

constexpr size_t kDepthMax = 4;
constexpr size_t kShownMax = 64;

absl::Status Refuse(size_t number, absl::string_view what) {
  return MakeError(ErrorCode::kValidationFailed,
                   absl::StrCat("member ", number + 1, ": ", what));
}

std::string Shown(json::string_view text) {
  const absl::string_view view(text.data(), text.size());
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(view.substr(0, kShownMax)),
                      "\"");
}

bool ReadId(const json::value& value, uint64_t* id) {
  if (value.is_string()) {
    const json::string& text = value.get_string();
    return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), id) &&
           *id != 0;
  }
  if (value.is_uint64()) *id = value.get_uint64();
  if (value.is_int64() && value.get_int64() > 0) {
    *id = static_cast<uint64_t>(value.get_int64());
  }
  return *id != 0;
}

absl::Status ReadAddress(size_t number, const json::value& value,
                         std::string* address) {
  if (!value.is_string()) return Refuse(number, "the address is no string");
  const json::string& text = value.get_string();
  *address = std::string(text.data(), text.size());
  const auto parsed = ParseHostPort(*address);
  if (!parsed.ok()) {
    return Refuse(number, absl::StrCat(Shown(text), " is not host:port"));
  }
  // What a server listens on, which is not always where it is.
  if (parsed->port == 0 || parsed->host == "0.0.0.0" || parsed->host == "::") {
    return Refuse(number,
                  absl::StrCat(Shown(text), " is where nobody can connect to"));
  }
  return absl::OkStatus();
}

absl::Status ReadField(size_t number, const json::key_value_pair& field,
                       PeersJsonMember* member) {
  const json::value& value = field.value();
  if (field.key() == "id") {
    return ReadId(value, &member->id)
               ? absl::OkStatus()
               : Refuse(number, "the id is no number above 0");
  }
  if (field.key() == "address") {
    return ReadAddress(number, value, &member->address);
  }
  if (field.key() == "non_voter") {
    if (!value.is_bool()) {
      return Refuse(number, "non_voter is neither true nor false");
    }
    member->non_voter = value.get_bool();
    return absl::OkStatus();
  }
  return Refuse(number, absl::StrCat("unknown field ", Shown(field.key()),
                                     "; known are: id, address, non_voter"));
}

absl::Status ReadMember(size_t number, const json::value& value,
                        PeersJsonMember* member) {
  if (value.is_string()) return ReadAddress(number, value, &member->address);
  if (!value.is_object()) {
    return Refuse(number, "is neither an object nor an address");
  }
  for (const json::key_value_pair& field : value.get_object()) {
    absl::Status status = ReadField(number, field, member);
    if (!status.ok()) return status;
  }
  if (member->id == 0) return Refuse(number, "has no id");
  if (member->address.empty()) return Refuse(number, "has no address");
  return absl::OkStatus();
}

absl::Status CheckMembers(const Members& members) {
  std::set<uint64_t> ids;
  std::set<std::string> addresses;
  for (size_t i = 0; i < members.size(); ++i) {
    const PeersJsonMember& member = members[i];
    if (member.id != 0 && !ids.insert(member.id).second) {
      return Refuse(i, absl::StrCat("id ", member.id, " comes twice"));
    }
    if (!addresses.insert(member.address).second) {
      return Refuse(i,
                    absl::StrCat("address ", member.address, " comes twice"));
    }
    if ((member.id == 0) != (members[0].id == 0)) {
      return Refuse(i, "is not written as the first");
    }
  }
  if (std::all_of(members.begin(), members.end(),
                  [](const auto& member) { return member.non_voter; })) {
    return MakeError(ErrorCode::kValidationFailed, "there is no voter");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Members> DecodePeersJson(absl::string_view text) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  const json::value value = json::parse(
      json::string_view(text.data(), text.size()), error, {}, options);
  if (error) {
    return MakeError(ErrorCode::kParseFailed,
                     absl::StrCat("invalid JSON: ", error.message()));
  }
  if (!value.is_array()) {
    return MakeError(ErrorCode::kValidationFailed, "not a list of members");
  }
  Members members(value.get_array().size());
  for (size_t i = 0; i < members.size(); ++i) {
    absl::Status status = ReadMember(i, value.get_array()[i], &members[i]);
    if (!status.ok()) return status;
  }
  absl::Status status = CheckMembers(members);
  if (!status.ok()) return status;
  return members;
}

}  // namespace jaco::net
