#include "jaco/cmd/api_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"
#include "jaco/cmd/host_address.h"
#include "jaco/cmd/input_file.h"
#include "jaco/net/sansio/host_port.h"

namespace jaco::cmd {
namespace {

absl::Status Invalid(absl::string_view message) {
  return MakeError(ErrorCode::kValidationFailed, message);
}

absl::Status ParseServer(absl::string_view server, net::HttpRemote* remote) {
  absl::string_view rest = server;
  remote->tls = !absl::ConsumePrefix(&rest, "http://");
  if (!remote->tls) absl::ConsumeSuffix(&rest, "/");
  const auto address = net::ApiAddress(rest);
  if (!address.ok()) {
    return Invalid(absl::StrCat("--server: ", address.status().message()));
  }
  const auto target = net::ParseHostPort(*address);
  remote->host = target->host;
  remote->port = target->port;
  if (!remote->tls && !IsLoopbackAddress(remote->host)) {
    return Invalid(
        "--server: plain http is for 127.0.0.1 and [::1] only; a token must "
        "not travel in the clear");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FindToken(const ApiClientOptions& options) {
  std::optional<std::string> token = options.token_variable;
  if (!options.token_file.empty()) {
    auto text =
        ReadInput(options.token_file, kSecretBytesMax, options.standard_input);
    if (!text.ok()) return text.status();
    token = *std::move(text);
  }
  if (!token && !options.token_needed) return "";
  if (!token) {
    return Invalid(
        "--token-file or JACO_TOKEN env is required when --server is set");
  }
  const std::string stripped(absl::StripAsciiWhitespace(*token));
  // It becomes part of a header.
  const bool fits = !stripped.empty() &&
                    std::all_of(stripped.begin(), stripped.end(),
                                [](char c) { return c > ' ' && c < 127; });
  if (!fits) return Invalid("the token is not one line of printable ASCII");
  return stripped;
}

absl::StatusOr<std::string> FindAuthorities(const ApiClientOptions& options) {
  std::string path = options.ca_cert;
  if (path.empty()) path = options.ca_cert_variable.value_or("");
  if (path.empty()) path = options.default_ca_cert;
  auto text = ReadInput(path, kSecretBytesMax, nullptr);
  if (absl::IsNotFound(text.status())) {
    return MakeError(ErrorCode::kNotFound,
                     absl::StrCat("ca cert not found at ", path,
                                  " — pass --ca-cert or set JACO_CA_CERT"));
  }
  return text;
}

}  // namespace

absl::StatusOr<ApiClient> ApiClient::Create(const ApiClientOptions& options) {
  ApiClient client;
  client.name_ = options.socket;
  if (options.server.empty()) return client;
  net::HttpRemote remote;
  const absl::Status parsed = ParseServer(options.server, &remote);
  if (!parsed.ok()) return parsed;
  auto token = FindToken(options);
  if (!token.ok()) return token.status();
  remote.token = *std::move(token);
  if (remote.tls) {
    auto authorities = FindAuthorities(options);
    if (!authorities.ok()) return authorities.status();
    remote.authorities = *std::move(authorities);
  }
  client.name_ = options.server;
  client.remote_ = std::move(remote);
  return client;
}

void ApiClient::KeepConnection() {
  if (remote_) kept_ = std::make_unique<net::HttpConversation>(*remote_);
}

absl::StatusOr<net::HttpAnswer> ApiClient::Call(absl::string_view method,
                                                absl::string_view target,
                                                absl::string_view body,
                                                absl::Duration timeout) const {
  if (kept_ != nullptr) return kept_->Call(method, target, body, timeout);
  return remote_ ? net::CallRemote(*remote_, method, target, body, timeout)
                 : net::CallUnixSocket(name_, method, target, body, timeout);
}

std::string ApiClient::remote_address() const {
  return remote_ ? net::JoinHostPort(remote_->host, remote_->port) : "";
}

}  // namespace jaco::cmd
