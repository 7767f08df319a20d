#include "jaco/server/bootstrap_check.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "jaco/base/error.h"
#include "jaco/fsm/validate.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/server/join_service.h"
#include "jaco/server/user_service.h"

namespace jaco::server {
namespace {

absl::Status Bad(absl::string_view field, absl::string_view why) {
  return MakeError(ErrorCode::kValidationFailed,
                   absl::StrCat(field, ": ", why));
}

absl::Status CheckCredentials(const BootstrapRequest& request) {
  if (request.username.empty() || request.password.empty()) {
    return Bad("credentials", "username and password are needed");
  }
  absl::Status status = fsm::ValidateUserName(request.username);
  if (!status.ok()) return Bad("credentials.username", status.message());
  status = UserService::CheckPassword(request.password);
  if (status.ok()) return status;
  return Bad("credentials.password", status.message());
}

absl::Status CheckNodes(const BootstrapRequest& request) {
  if (request.nodes.empty() || request.nodes.size() > kBootstrapNodesMax) {
    return Bad("cluster.nodes", absl::StrCat("1 to ", kBootstrapNodesMax,
                                             " members are needed"));
  }
  for (const std::string& node : request.nodes) {
    const auto address = net::ApiAddress(node);
    if (!address.ok()) {
      return Bad("cluster.nodes", address.status().message());
    }
  }
  if (request.retries_max > kBootstrapRetriesMax) {
    return Bad("max_retries",
               absl::StrCat("the limit is ", kBootstrapRetriesMax));
  }
  if (request.join_token.empty()) return CheckCredentials(request);
  return JoinToken::Parse(request.join_token).status();
}

absl::Status CheckRecovery(const BootstrapRequest& request) {
  if (request.recovery_filename.empty()) {
    return Bad("recovery_filename", "it is needed");
  }
  if (request.recovery_secret.empty() && request.password.empty()) {
    return Bad("backup_key",
               "it is needed, or passphrase, or a password that "
               "is the passphrase");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsHostName(absl::string_view name) {
  constexpr size_t kLabelMax = 63;
  if (name.empty() || name.size() > kBootstrapNameBytesMax) return false;
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    if (label.empty() || label.size() > kLabelMax || label.front() == '-' ||
        label.back() == '-' ||
        !std::all_of(label.begin(), label.end(), [](unsigned char c) {
          return absl::ascii_isalnum(c) || c == '-';
        })) {
      return false;
    }
  }
  return true;
}

absl::Status CheckBootstrapRequest(const BootstrapRequest& request) {
  if (!request.cluster_name.empty() && !IsHostName(request.cluster_name)) {
    return Bad("cluster.name",
               absl::StrCat("not a host name of RFC 1123 of at most ",
                            kBootstrapNameBytesMax, " bytes"));
  }
  switch (request.action) {
    case BootstrapAction::kCreate:
      return CheckCredentials(request);
    case BootstrapAction::kJoin:
      return CheckNodes(request);
    case BootstrapAction::kRecover:
      return CheckRecovery(request);
  }
  return absl::OkStatus();
}

}  // namespace jaco::server
