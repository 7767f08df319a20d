// The way from `jaco` to a jacod: the local socket, or TLS with a token.

#ifndef JACO_CMD_API_CLIENT_H_
#define JACO_CMD_API_CLIENT_H_

#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "jaco/net/http_client.h"

namespace jaco::cmd {

// What the command line and the environment say of it.
struct ApiClientOptions {
  std::string socket;
  std::string server;                           // --server; empty: the socket
  std::string token_file;                       // --token-file; "-" is stdin
  std::istream* standard_input = nullptr;       // null: there is none
  std::string ca_cert;                          // --ca-cert
  std::optional<std::string> token_variable;    // $JACO_TOKEN
  std::optional<std::string> ca_cert_variable;  // $JACO_CA_CERT
  std::string default_ca_cert;                  // of a member on this host
  bool token_needed = true;                     // with --server
};

class ApiClient {
 public:
  // validation_failed or not_found, saying which option to give.
  static absl::StatusOr<ApiClient> Create(const ApiClientOptions& options);

  // From here on, calls to a remote server go over one connection for as long
  // as that lasts: that it shows another certificate does not matter then.
  void KeepConnection();

  // As net::CallUnixSocket and net::CallRemote.
  absl::StatusOr<net::HttpAnswer> Call(absl::string_view method,
                                       absl::string_view target,
                                       absl::string_view body,
                                       absl::Duration timeout) const;

  // For messages.
  const std::string& name() const { return name_; }
  // host:port of the API that --server names; empty: it is the local socket.
  std::string remote_address() const;

 private:
  ApiClient() = default;

  std::string name_;
  std::optional<net::HttpRemote> remote_;  // nullopt: the socket `name_`
  std::unique_ptr<net::HttpConversation> kept_;
};

}  // namespace jaco::cmd

#endif  // JACO_CMD_API_CLIENT_H_
