#include "jaco/net/pki/node_uri.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"

namespace jaco::net {
namespace {

constexpr absl::string_view kScheme = "spiffe://";

bool HasOnly(absl::string_view text, absl::string_view extra) {
  return std::all_of(text.begin(), text.end(), [extra](char c) {
    return absl::ascii_isalnum(c) || extra.find(c) != absl::string_view::npos;
  });
}

absl::Status Check(absl::string_view what, absl::string_view text, size_t max,
                   absl::string_view extra) {
  if (!text.empty() && text.size() <= max && HasOnly(text, extra)) {
    return absl::OkStatus();
  }
  return MakeError(
      ErrorCode::kValidationFailed,
      absl::StrCat("no certificate can carry the ", what, " \"",
                   absl::CHexEscape(text.substr(0, kNodeNameBytesMax)), "\""));
}

}  // namespace

absl::Status CheckNodeNames(const env::NodeNames& names) {
  absl::Status status =
      Check("cluster id", names.cluster_id, kClusterIdBytesMax, "._-");
  if (status.ok()) {
    status = Check("node name", names.node_name, kNodeNameBytesMax, "._-@:");
  }
  if (status.ok() && names.node_id == 0) {
    status = MakeError(ErrorCode::kValidationFailed, "node id 0 is nobody's");
  }
  if (status.ok() && names.hosts.size() > kHostsMax) {
    status = MakeError(ErrorCode::kValidationFailed,
                       absl::StrCat("a certificate carries at most ", kHostsMax,
                                    " hosts, not ", names.hosts.size()));
  }
  for (const std::string& host : names.hosts) {
    if (!status.ok()) break;
    status = Check("host", host, kHostBytesMax, "._-:");
  }
  return status;
}

std::string FormatNodeUri(const env::NodeNames& names) {
  return absl::StrCat(kScheme, names.cluster_id, "/node/", names.node_id, "/",
                      names.node_name);
}

absl::StatusOr<env::NodeNames> ParseNodeUri(absl::string_view uri) {
  const absl::Status refused =
      MakeError(ErrorCode::kValidationFailed,
                absl::StrCat("\"", absl::CHexEscape(uri.substr(0, 256)),
                             "\" is not the name of a node"));
  absl::string_view rest = uri;
  if (!absl::ConsumePrefix(&rest, kScheme)) return refused;
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, '/');
  env::NodeNames names;
  if (parts.size() != 4 || parts[1] != "node" ||
      !absl::SimpleAtoi(parts[2], &names.node_id)) {
    return refused;
  }
  names.cluster_id = std::string(parts[0]);
  names.node_name = std::string(parts[3]);
  // One name has one spelling: no signs, blanks or leading zeros.
  if (!CheckNodeNames(names).ok() || FormatNodeUri(names) != uri) {
    return refused;
  }
  return names;
}

}  // namespace jaco::net
