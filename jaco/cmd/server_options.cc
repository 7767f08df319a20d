#include "jaco/cmd/server_options.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"
#include "jaco/cmd/host_address.h"
#include "jaco/net/pki/node_uri.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/server/security/keyring.h"
#include "jaco/storage/atomic_file.h"

namespace jaco::cmd {
namespace {

// The key may be root's, or appear only while systemd starts us: it is read
// once.
absl::StatusOr<std::shared_ptr<const server::Keyring>> ReadSealKey(
    const std::string& path, env::FileSystem& files) {
  if (path.empty()) return nullptr;
  const auto text = storage::ReadWholeFile(files, path);
  if (!text.ok()) return text.status();
  auto key = server::Keyring::FromText(text->value_or(""));
  if (!key.ok()) {
    return MakeError(ErrorCode::kValidationFailed,
                     absl::StrCat("seal_key_file ", path, ": ",
                                  text->has_value() ? key.status().message()
                                                    : "there is no such file"));
  }
  return std::make_shared<const server::Keyring>(*std::move(key));
}

std::vector<std::string> HostsOfCertificate(const Config& config) {
  std::vector<std::string> hosts = {config.node_name, HostName()};
  hosts.push_back(net::ParseHostPort(config.cluster_addr)->host);
  hosts.push_back(net::ParseHostPort(config.listen_addr)->host);
  for (const ApiListener& listener : config.api_listeners) {
    hosts.push_back(net::ParseHostPort(listener.host_port)->host);
  }
  // Whatever this host is called, there is a certificate.
  std::erase_if(hosts, [](const std::string& host) {
    return !net::CheckNodeNames({"c", 1, "n", {host}}).ok();
  });
  return CertificateHosts(hosts, ListInterfaceAddresses(), net::kHostsMax);
}

}  // namespace

absl::StatusOr<server::ServerOptions> ServerOptionsOf(const Config& config,
                                                      uint16_t peer_port,
                                                      env::FileSystem& files) {
  auto seal_key = ReadSealKey(config.seal_key_file, files);
  if (!seal_key.ok()) return seal_key.status();
  const auto listening = net::ParseHostPort(config.cluster_addr);
  server::ServerOptions options;
  options.node_name = config.node_name;
  options.data_dir = config.data_dir;
  options.peer_address = net::JoinHostPort(
      AdvertisedHost(listening->host, ListInterfaceAddresses()), peer_port);
  options.certificate_hosts = HostsOfCertificate(config);
  options.seal_key = *std::move(seal_key);
  options.raft = config.raft;
  return options;
}

server::BootstrapOptions BootstrapOptionsOf(const Config& config) {
  const auto api = net::ParseHostPort(config.listen_addr);
  server::BootstrapOptions options;
  options.expect = config.bootstrap_expect;
  options.retry_join = config.retry_join;
  options.remote = config.remote_bootstrap;
  options.api_address = net::JoinHostPort(
      AdvertisedHost(api->host, ListInterfaceAddresses()), api->port);
  return options;
}

absl::StatusOr<net::TlsCredentials> ProvisionalCredentials(const Config& config,
                                                           env::Pki& pki,
                                                           absl::Time now) {
  const env::NodeNames names{"uninitialized", 1, "uninitialized",
                             HostsOfCertificate(config)};
  const auto authority = pki.CreateAuthority(names.cluster_id, now);
  if (!authority.ok()) return authority.status();
  const auto request = pki.CreateRequest(names);
  if (!request.ok()) return request.status();
  const auto certificate = pki.Issue(*authority, request->request, names, now);
  if (!certificate.ok()) return certificate.status();
  return net::TlsCredentials{request->key, *certificate,
                             authority->certificate};
}

absl::StatusOr<std::string> ReadBootstrapKey(const Config& config,
                                             env::FileSystem& files) {
  const std::string& path = config.bootstrap_key_file;
  if (path.empty()) return config.bootstrap_key;
  auto text = storage::ReadFile(files, path);
  if (!text.ok()) return text;
  std::string key(absl::StripAsciiWhitespace(*text));
  if (absl::Status status = CheckBootstrapKey(key); !status.ok()) {
    return MakeError(
        ErrorCode::kValidationFailed,
        absl::StrCat("bootstrap_key_file ", path, ": ", status.message()));
  }
  return key;
}

}  // namespace jaco::cmd
